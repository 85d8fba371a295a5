// Adjusts the IDL before Codama generates a client from it: `npx codama run js` in this folder.
import { bottomUpTransformerVisitor, definedTypeNode, programNode } from "codama";

/** Renders each event as a type whose decoder checks the event's discriminator. The renderer ignores events itself. */
export default () =>
  bottomUpTransformerVisitor([
    {
      select: "[programNode]",
      transform: (program) =>
        programNode({
          ...program,
          definedTypes: [
            ...program.definedTypes,
            ...program.events.map(({ name, docs, data }) => definedTypeNode({ name, docs, type: data })),
          ],
        }),
    },
  ]);
