/**
 * The Node this program runs on, and the ways in which it may not be started.
 *
 * Plain JavaScript that any Node since 18 can read, because its first reader may be a Node that is
 * too old for the rest. The range is the one of `engines` in package.json; a test compares them.
 *
 * @module
 */

export const SUPPORTED_NODE = '^22.23.2 || ^24.18.1 || >=26.5.1'

/**
 * Whether a Node version (`24.21.0`, or with a leading `v`) lies in {@link SUPPORTED_NODE}.
 *
 * Nightly builds and release candidates are not in the range, as npm reads it too.
 *
 * @param {string} version
 */
export function isSupportedNode(version) {
  const wanted = /^v?(\d+)\.(\d+)\.(\d+)$/.exec(version)
  if (wanted === null) return false

  return SUPPORTED_NODE.split(' || ').some((range) => {
    const least = /^(\^|>=)(\d+)\.(\d+)\.(\d+)$/.exec(range)
    if (least === null) throw new TypeError(`SUPPORTED_NODE has a range of unknown form: ${range}`)
    if (least[1] === '^' && wanted[1] !== least[2]) return false
    for (const place of [1, 2, 3]) {
      const difference = Number(wanted[place]) - Number(least[place + 1])
      if (difference !== 0) return difference > 0
    }
    return true
  })
}

/**
 * Why the gateway must not start in this process, or nothing.
 *
 * Only what can be seen from flags and environment is looked at: a parser that was told to be lenient
 * and a TLS client that was told to trust everybody undo the checks that follow, and neither leaves
 * a trace in the configuration.
 *
 * @param {{ version: string, execArgv: readonly string[], env: Readonly<Record<string, string | undefined>> }} start
 * @returns {string | undefined}
 */
export function refusalToStart({ version, execArgv, env }) {
  if (!isSupportedNode(version)) {
    return (
      `Node ${version.replace(/^v/, '')} runs this, and the supported versions are ${SUPPORTED_NODE}: ` +
      'older releases have known holes in TLS session resumption, SNI and HTTP framing that a gateway cannot cover.'
    )
  }
  // Node takes its options with underscores for hyphens as well, and NODE_OPTIONS may quote them.
  const lenient = /--insecure[-_]http[-_]parser/
  if (lenient.test(env['NODE_OPTIONS'] ?? '') || execArgv.some((flag) => lenient.test(flag))) {
    return '--insecure-http-parser is set: with a lenient HTTP parser one request can be read as two. Remove it from the command line and from NODE_OPTIONS.'
  }
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    return 'NODE_TLS_REJECT_UNAUTHORIZED=0 is set: no certificate of an issuer or upstream would be checked. Unset it, and configure the certificate authority instead.'
  }
  return undefined
}
