/**
 * Brings oidc-provider in without its notice about the Node release.
 *
 * @module
 */

/**
 * Loads oidc-provider without the line it writes on every Node release that is not yet, or no longer, a
 * long-term one. Only that line is held back, and only while the module loads.
 */
export async function loadProvider() {
  const { warn } = console
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...words)
  }
  try {
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}
