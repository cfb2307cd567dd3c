/**
 * The parts of a running gateway that one configuration made, and how another configuration takes over.
 *
 * @module
 */

import type { Services } from '../check/check.ts'
import type { Configuration, ListenerConfig } from '../config/configuration.ts'
import { ResourceMetadata } from '../gateway/resource-metadata.ts'
import { Route } from '../gateway/route.ts'
import { Router } from '../gateway/router.ts'
import type { Serving } from '../gateway/serving.ts'
import { hstsOf } from '../http/hsts.ts'
import { type IssuerParts, ReachedIssuer } from './issuers.ts'
import { RevocationSources, Revocations } from './revocation.ts'
import type { ListSource } from './revocation-list.ts'
import { asksForCertificates, knowsCertificates, knowsCertificatesOf } from './tls-context.ts'
import { PooledUpstream } from './upstream.ts'

export interface Parts {
  readonly configuration: Configuration
  readonly issuers: ReadonlyMap<string, ReachedIssuer>
  readonly upstreams: ReadonlyMap<string, PooledUpstream>
  /** By the names that policies have for them. */
  readonly revocations: ReadonlyMap<string, RevocationSources>
  readonly routes: readonly Route[]
  readonly serving: Serving
}

/**
 * Builds what a configuration asks for. Nothing is contacted.
 *
 * @param former What another configuration made: what is unchanged is kept, with its keys and caches.
 */
export function buildParts(
  configuration: Configuration,
  former: Parts | undefined,
  services: Omit<Services, 'revocation'>,
  outside: IssuerParts,
): Parts {
  const issuers = new Map<string, ReachedIssuer>()
  for (const config of configuration.issuers) {
    const known = former?.issuers.get(config.id)
    const same = known !== undefined && isSame(known.config, config)
    issuers.set(config.id, same ? known : new ReachedIssuer(config, outside))
  }
  const upstreams = new Map<string, PooledUpstream>()
  for (const config of configuration.upstreams) {
    const known = former?.upstreams.get(config.id)
    const same = known !== undefined && isSame(known.config, config)
    upstreams.set(config.id, same ? known : new PooledUpstream(config))
  }
  const revocations = buildRevocations(configuration, former, outside)
  const revocation = new Revocations(revocations)
  const certificatesAsked = configuration.listeners.some(knowsCertificates)
  const ownedFields = configuration.listeners.flatMap(certificateFieldsOf)
  const routes = configuration.routes.map(
    (config) =>
      new Route(config, {
        upstream: upstreams.get(config.upstream)!,
        issuers: config.issuers.map((id) => issuers.get(id)!.issuer),
        services: { ...services, revocation },
        maxToken: configuration.limits.token,
        certificatesAsked,
        ownedFields,
      }),
  )
  const serving = {
    router: new Router(routes),
    limits: configuration.limits,
    hsts: new Map(
      configuration.listeners.flatMap(({ id, hsts }) =>
        hsts === undefined ? [] : [[id, hstsOf(hsts)] as const],
      ),
    ),
    metadata: configuration.resourceMetadata
      ? new ResourceMetadata(configuration, knowsCertificatesOf)
      : undefined,
  }
  return { configuration, issuers, upstreams, revocations, routes, serving }
}

function buildRevocations(
  configuration: Configuration,
  former: Parts | undefined,
  outside: IssuerParts,
): ReadonlyMap<string, RevocationSources> {
  const revocations = new Map<string, RevocationSources>()
  for (const { certificates } of configuration.listeners) {
    for (const { clientCertificate } of certificates) {
      const { ca, revocation: config } = clientCertificate
      if (config === undefined || ca === undefined || revocations.has(config.id)) continue
      const known = former?.revocations.get(config.id)
      revocations.set(config.id, known ?? new RevocationSources(config, ca, outside))
    }
  }
  return revocations
}

export interface LeftOver {
  readonly issuers: readonly ReachedIssuer[]
  readonly upstreams: readonly PooledUpstream[]
  readonly revocations: readonly RevocationSources[]
}

/** Names of fields in which proxies in front pass certificates on: nobody else's are forwarded. */
function certificateFieldsOf({ certificates }: ListenerConfig): string[] {
  return certificates.flatMap(({ clientCertificate: { from } }) =>
    from === 'tls' ? [] : [from.field, from.chainField ?? from.field],
  )
}

/** What one configuration made and the other does not use. */
export function leftOver(from: Parts, kept: Parts): LeftOver {
  return {
    issuers: valuesWithout(from.issuers, kept.issuers),
    upstreams: valuesWithout(from.upstreams, kept.upstreams),
    revocations: valuesWithout(from.revocations, kept.revocations),
  }
}

function valuesWithout<T>(from: ReadonlyMap<string, T>, kept: ReadonlyMap<string, T>): T[] {
  return [...from].filter(([id, one]) => kept.get(id) !== one).map(([, one]) => one)
}

/** What cannot be changed while running, if anything of it was changed. */
export function obstacleTo(former: Configuration, next: Configuration): string | undefined {
  const bound = ({ listeners }: Configuration) =>
    listeners.map(({ id, host, port }) => [id, host, port])
  if (!isSame(bound(former), bound(next))) return 'listener addresses changed: restart needed'
  const spoken = ({ listeners }: Configuration) => listeners.map(({ alpn }) => alpn)
  if (!isSame(spoken(former), spoken(next))) return 'alpn changed: restart needed'
  const asking = ({ listeners }: Configuration) => listeners.map(asksForCertificates)
  if (!isSame(asking(former), asking(next))) {
    return 'whether clients are asked for certificates changed: restart needed'
  }
  if (former.workers !== next.workers) return 'workers changed: restart needed'
  if (!isSame(former.admin, next.admin)) return 'admin changed: restart needed'
  const kept = ({ dpop, stores }: Configuration) => [{ ...dpop, nonceSecrets: [] }, stores]
  if (!isSame(kept(former), kept(next))) {
    return 'dpop nonces or replay store changed: restart needed'
  }
  if (!isSame(former.limits, next.limits)) return 'limits changed: restart needed'
  if (!isSame(former.logging, next.logging)) return 'logging changed: restart needed'
  return undefined
}

/** Configurations are plain data, which its JSON tells apart. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** Whether a list has yet to be there for the first time. */
export function neverLoaded({ loadedAt }: ListSource): boolean {
  return loadedAt === undefined
}

/** A fault while closing what is no longer used concerns nobody any more. */
export async function retire({ issuers, upstreams, revocations }: LeftOver): Promise<void> {
  await Promise.allSettled([
    ...issuers.map((issuer) => issuer.close()),
    ...revocations.map((sources) => sources.close()),
    ...upstreams.map((upstream) => upstream.destroy()),
  ])
}
