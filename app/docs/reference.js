// Renders the API's OpenAPI document. Nothing is loaded from other hosts, which the page's Content-Security-Policy
// enforces: no fonts, no telemetry, no proxy, none of the viewer vendor's services.
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
