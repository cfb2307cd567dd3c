/**
 * Whether used proofs are remembered for as far as nonces are good (RFC 9449 §11.1).
 *
 * @module
 */

import type { ConfigReader } from './reading.ts'

/** Who remembers used proofs: `process`, each for itself and until it ends; `shared`, all instances together. */
export type ReplayReach = 'process' | 'shared'

const SECRET = ['dpop', 'nonce', 'secret']

/**
 * Of a configured nonce secret: warns where nonces are good at every instance and after a restart, and used
 * proofs are known to one process. Each instance accepts once what another has accepted.
 */
export function warnOfReplays(reach: ReplayReach, { document, diagnostics }: ConfigReader): void {
  if (reach === 'shared') return
  const message =
    'dpop.nonce.secret makes nonces good at every instance and after a restart, and used proofs are remembered by each process alone'
  const note = 'leave it out if there is one instance'
  diagnostics.warn('replay-per-process', document.key(SECRET), message, note)
}
