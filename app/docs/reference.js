// Shows the API's own document. Nothing is loaded from another host (the page's Content-Security-Policy holds it to
// that): no fonts, no telemetry, no proxy, no services of the viewer's maker.
Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  persistAuth: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
})
