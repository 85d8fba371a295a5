// Adjusts the IDL before Codama generates a client from it: `npx codama run js` in this folder.
import {
  accountValueNode,
  argumentValueNode,
  bottomUpTransformerVisitor,
  constantPdaSeedNodeFromString,
  definedTypeNode,
  fixedSizeTypeNode,
  bytesTypeNode,
  flattenInstructionDataArgumentsVisitor,
  pdaLinkNode,
  pdaNode,
  pdaSeedValueNode,
  pdaValueNode,
  programNode,
  publicKeyTypeNode,
  rootNodeVisitor,
  updateInstructionsVisitor,
  variablePdaSeedNode,
  visit,
} from "codama";

/** Renders each event as a type whose decoder checks the event's discriminator: the renderer ignores events themselves. */
const renderEvents = bottomUpTransformerVisitor([
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

/** The address of a network. Codama's importer ignores seeds inside of an argument, such as `args.id`. */
const networkPda = pdaNode({
  name: "network",
  seeds: [
    constantPdaSeedNodeFromString("utf8", "network"),
    variablePdaSeedNode("creator", publicKeyTypeNode()),
    variablePdaSeedNode("id", fixedSizeTypeNode(bytesTypeNode(), 32)),
  ],
});
const addNetworkPda = bottomUpTransformerVisitor([
  { select: "[programNode]", transform: (program) => programNode({ ...program, pdas: [...program.pdas, networkPda] }) },
]);
const network = pdaValueNode(pdaLinkNode("network"), [
  pdaSeedValueNode("creator", accountValueNode("admin")),
  pdaSeedValueNode("id", argumentValueNode("id")),
]);
const addAddresses = updateInstructionsVisitor({
  createNetwork: { accounts: { network: { defaultValue: network } } },
});

const steps = [renderEvents, flattenInstructionDataArgumentsVisitor(), addNetworkPda, addAddresses];

export default () => rootNodeVisitor((root) => steps.reduce((result, step) => visit(result, step), root));
