/**
 * Whether the configuration can keep what it promises about revoked tokens (FAPI 2.0 SP §5.3.4-3).
 *
 * @module
 */

import { citation } from './clause.ts'
import type { IssuerConfig } from './configuration.ts'
import type { Path } from './document.ts'
import type { Layer } from './narrowing.ts'
import { nameOf } from './reading.ts'
import type { Sources } from './section.ts'

/**
 * Seconds for which a token of an issuer may still pass after it was revoked; Infinity if nothing bounds
 * it but the token itself.
 */
export function revocationDelayOf({
  tokens,
  introspection,
  revocationMaxDelay,
  maxLifetime,
  clockSkew,
}: Pick<
  IssuerConfig,
  'tokens' | 'introspection' | 'revocationMaxDelay' | 'maxLifetime' | 'clockSkew'
>): number {
  const isAsked = tokens === 'introspection' || revocationMaxDelay !== undefined
  if (introspection !== undefined && isAsked) {
    return Math.min(introspection.ttl, revocationMaxDelay ?? Number.POSITIVE_INFINITY)
  }
  // Twice the skew: a token may be issued ahead of our clock by it, and pass after its end by it.
  return maxLifetime === undefined ? Number.POSITIVE_INFINITY : maxLifetime + 2 * clockSkew
}

/** What holds of revoked tokens of an issuer, in words. */
export function renderRevocation(config: IssuerConfig): string {
  const delay = revocationDelayOf(config)
  if (delay === 0) return `a revoked token of ${config.id} is refused at once`
  const clause = citation('FAPI2-SP-FINAL-5.3.4-3')
  return delay === Number.POSITIVE_INFINITY
    ? `a revoked token of ${config.id} passes until it ends: set revocation_max_delay (${clause})`
    : `a revoked token of ${config.id} passes for ${delay}s at most (${clause})`
}

/** A promise that cannot be kept is an error. */
export function checkRevocation(config: IssuerConfig, path: Path, { reader }: Sources): void {
  const { revocationMaxDelay: promised } = config
  const delay = revocationDelayOf(config)
  if (promised === undefined || delay <= promised) return
  const at = [...path, 'revocation_max_delay']
  const life = delay === Number.POSITIVE_INFINITY ? 'end' : `are ${delay}s old`
  const message = `${nameOf(at)}: nobody is asked about these tokens, so they pass until they ${life}`
  const note = 'add introspection, or max_lifetime'
  reader.diagnostics.error('revocation-unseen', reader.document.at(at), message, note)
}

/** The same of a route that asks for more than its issuers. */
export function checkRouteRevocation(
  layer: Layer,
  issuers: readonly IssuerConfig[],
  path: Path,
  { reader }: Sources,
): void {
  const { value: promised, isSaid, from } = layer.get('access_token.revocation_max_delay') ?? {}
  if (isSaid !== true || typeof promised !== 'number') return
  const said = (layer.get('access_token.max_lifetime')?.value as number | undefined) ?? Infinity
  for (const issuer of issuers) {
    const lifetime = Math.min(issuer.maxLifetime ?? Infinity, said)
    const maxLifetime = lifetime === Infinity ? undefined : lifetime
    const delay = revocationDelayOf({ ...issuer, maxLifetime, revocationMaxDelay: promised })
    if (delay <= promised) continue
    const message = `${from} wants revocation seen within ${promised}s, and nobody is asked about tokens of ${issuer.id}`
    const at = reader.document.at([...path, 'id'])
    reader.diagnostics.error('revocation-unseen', at, message, 'add introspection, or max_lifetime')
  }
}
