/**
 * Which certificates of a bundle of authorities were revoked: lists first, a responder where no list says.
 * A chain is good if all of it is, but for its root.
 *
 * @module
 */

import type { RevocationConfig } from '../config/revocation-source.ts'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'
import type { RevocationSource, RevocationStatus } from '../sender-constraint/revocation.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Authority, isSameAuthority, issuersOf, parseAuthorities } from '../x509/authority.ts'
import type { CertificateFacts } from '../x509/certificate.ts'
import { covers } from '../x509/crl.ts'
import type { NamedCache } from './cache-metrics.ts'
import { OcspClient } from './ocsp-client.ts'
import { OutboundClient } from './outbound.ts'
import { ListSource, MAX_LIST } from './revocation-list.ts'

/** Seconds for a list to come, and for an answer of a responder while a client waits. */
const LIST_TIMEOUT = 10
const OCSP_TIMEOUT = 2
const MAX_OCSP_ANSWER = 65_536

const PLAIN = { ca: undefined, cert: undefined, key: undefined, serverName: undefined }

export interface RevocationParts {
  readonly metrics: Metrics
  readonly logger: Logger
  /** Seconds since the epoch. */
  readonly now: () => number
}

const CANNOT_BE_ASKED = 'revocation of a certificate cannot be asked'
const NOT_IN_CA = 'an authority of its chain is not in ca'

/** RFC 6960 §2.2: the worst that was said of one is what holds for all. */
const BY_WEIGHT = ['good', 'unavailable', 'unknown', 'revoked'] as const

function worseOf(one: RevocationStatus, other: RevocationStatus): RevocationStatus {
  return BY_WEIGHT.indexOf(one) > BY_WEIGHT.indexOf(other) ? one : other
}

/** A certificate and who issued it. */
interface Link {
  readonly facts: CertificateFacts
  /** What lists and answers are of: a name and a key, whichever certificate says so. */
  readonly issuer: Authority
  /** Every certificate that has this name and key: there are several where it was renewed. */
  readonly issuers: readonly Authority[]
  /** Names both, for what is remembered. */
  readonly key: string
}

/** The sources of one policy. */
export class RevocationSources implements RevocationSource {
  readonly config: RevocationConfig
  readonly sources: readonly ListSource[]
  readonly #authorities: readonly Authority[]
  readonly #ocsp: OcspClient | undefined
  readonly #clients: OutboundClient[] = []
  readonly #logger: Logger
  readonly #counters: ReturnType<typeof countersOf>
  /** Who issued a certificate does not change; null where it is not known. */
  readonly #links = new WeakMap<ClientCertificate, Link | null>()
  readonly #linksAbove = new Map<Authority, Link | 'root' | null>()
  /** Authorities of which it was said that their list is missing. */
  readonly #unlisted = new Set<Authority>()

  /** @param ca PEM bundle of the authorities. Nothing is read or asked before `start`. */
  constructor(config: RevocationConfig, ca: string, { metrics, logger, now }: RevocationParts) {
    this.config = config
    this.#authorities = parseAuthorities(ca)
    this.#logger = logger
    this.#counters = countersOf(metrics)
    const client = this.#client(LIST_TIMEOUT, MAX_LIST)
    const { refresh } = config
    const shared = { authorities: this.#authorities, refresh, client, logger, now }
    this.sources = config.lists.map((source) => new ListSource({ source, ...shared }))
    if (config.ocsp !== undefined) {
      const asking = this.#client(OCSP_TIMEOUT, MAX_OCSP_ANSWER)
      this.#ocsp = new OcspClient({ config: config.ocsp, client: asking, logger, now })
    }
  }

  /** Whether every list has been there once: whether it ended meanwhile is asked per request. */
  get ready(): boolean {
    return this.sources.every(({ loadedAt }) => loadedAt !== undefined)
  }

  get caches(): readonly NamedCache[] {
    return this.#ocsp?.caches ?? []
  }

  /** Reads all lists, now. Never throws. */
  async start(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.load()))
  }

  async close(): Promise<void> {
    for (const source of this.sources) source.close()
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  /** RFC 5280 §6.1.3 (a)(3): of every certificate of a path but its root. Lists first, then a responder. */
  statusOf(
    certificate: ClientCertificate,
    now: number,
  ): RevocationStatus | Promise<RevocationStatus> {
    const link = this.#linkOf(certificate)
    if (link === null) return this.#count('crl', 'unavailable')
    const links: Link[] = []
    const isWhole = this.#collect(link, now, links)
    let listed: RevocationStatus = isWhole ? 'good' : 'unavailable'
    const unlisted: Link[] = []
    for (const one of links) {
      const said = this.#listedStatus(one, now)
      if (said === undefined) unlisted.push(one)
      else listed = worseOf(listed, said)
    }
    if (unlisted.length === 0 || listed !== 'good') return this.#count('crl', listed)
    return this.#askedStatus(unlisted, now)
  }

  #askedStatus(links: readonly Link[], now: number): RevocationStatus | Promise<RevocationStatus> {
    const ocsp = this.#ocsp
    if (ocsp === undefined) {
      for (const link of links) this.#warnOfUnlisted(link)
      return this.#count('crl', 'unavailable')
    }
    let recalled: RevocationStatus = 'good'
    const unknown: Link[] = []
    for (const link of links) {
      const said = ocsp.recall(link.key, now)
      if (said === undefined) unknown.push(link)
      else recalled = worseOf(recalled, said)
    }
    if (unknown.length === 0 || recalled !== 'good') {
      this.#counters.ocsp.cached.inc()
      return recalled
    }
    return Promise.all(unknown.map(({ key, facts, issuer }) => ocsp.ask(key, facts, issuer))).then(
      (all) => this.#count('ocsp', all.reduce(worseOf)),
    )
  }

  /** RFC 5280 §6.3.3: what lists that are in force say. Undefined: there is none for the certificate. */
  #listedStatus({ facts, issuer }: Link, now: number): 'good' | 'revoked' | undefined {
    let found: 'good' | undefined
    for (const { lists } of this.sources) {
      for (const list of lists) {
        if (!isSameAuthority(list.authority, issuer) || list.nextUpdate < now) continue
        if (!covers(list, facts)) continue
        if (list.revoked.has(facts.serialNumber)) return 'revoked'
        found = 'good'
      }
    }
    return found
  }

  /**
   * Who is to be asked about: a certificate, and the authorities above it. Which certificate of its issuer a
   * path went by is not known, so it is every one in force of those that are configured; none may be revoked.
   *
   * @param links Those that were found before: they may have issued one another.
   * @returns Whether it is known of each who issued it.
   */
  #collect(link: Link, now: number, links: Link[]): boolean {
    links.push(link)
    const inForce = link.issuers.filter(
      ({ facts }) => facts.notBefore <= now && now <= facts.notAfter,
    )
    let isWhole = inForce.length > 0
    for (const authority of inForce) {
      const above = this.#linkAbove(authority)
      // A root vouches for itself: nobody else could revoke it.
      if (above === 'root' || (above !== null && links.includes(above))) continue
      if (above === null || !this.#collect(above, now, links)) isWhole = false
    }
    return isWhole
  }

  /** Once for each authority: of clients there may be many. */
  #warnOfUnlisted({ facts, issuer }: Link): void {
    if (!facts.isAuthority || this.#unlisted.has(issuer)) return
    this.#unlisted.add(issuer)
    this.#logger.warn({ ca: issuer.name, cause: 'no list of it is in force' }, CANNOT_BE_ASKED)
  }

  #linkOf(certificate: ClientCertificate): Link | null {
    let link = this.#links.get(certificate)
    if (link === undefined) {
      const { facts, thumbprint } = certificate
      link = facts === undefined ? null : this.#findLink(facts)
      this.#links.set(certificate, link)
      const cause = facts === undefined ? 'unreadable' : NOT_IN_CA
      const cert_sha256_8 = thumbprint.slice(0, 8)
      if (link === null) this.#logger.warn({ cert_sha256_8, cause }, CANNOT_BE_ASKED)
    }
    return link
  }

  /** Only what its own key signed is a root: an authority that changes its key issues to its own name. */
  #linkAbove(authority: Authority): Link | 'root' | null {
    let link = this.#linksAbove.get(authority)
    if (link === undefined) {
      const isRoot = issuersOf(authority.facts, [authority]).length > 0
      link = isRoot ? 'root' : this.#findLink(authority.facts)
      this.#linksAbove.set(authority, link)
      const { name: ca } = authority
      if (link === null) this.#logger.warn({ ca, cause: NOT_IN_CA }, CANNOT_BE_ASKED)
    }
    return link
  }

  #findLink(facts: CertificateFacts): Link | null {
    const issuers = issuersOf(facts, this.#authorities)
    const [issuer] = issuers
    if (issuer === undefined) return null
    const { subject, publicKey } = issuer.facts
    const named = [subject, publicKey].map((octets) => octets.toString('base64'))
    return { facts, issuer, issuers, key: [...named, facts.serialNumber].join(' ') }
  }

  #client(timeout: number, maxAnswer: number): OutboundClient {
    const client = new OutboundClient(PLAIN, timeout, { maxAnswer })
    this.#clients.push(client)
    return client
  }

  #count<S extends RevocationStatus>(method: 'crl' | 'ocsp', status: S): S {
    this.#counters[method][status].inc()
    return status
  }
}

/** Bound once: counting is on the path of requests. */
function countersOf({ revocationChecks }: Metrics) {
  const of = (method: string) => {
    const result = (name: string) => revocationChecks.labels({ method, result: name })
    return {
      good: result('good'),
      revoked: result('revoked'),
      unknown: result('unknown'),
      unavailable: result('unavailable'),
      cached: result('cached'),
    }
  }
  return { crl: of('crl'), ocsp: of('ocsp') }
}

/** The sources of all policies of a configuration, by their names. */
export class Revocations implements RevocationSource {
  readonly all: ReadonlyMap<string, RevocationSources>

  constructor(all: ReadonlyMap<string, RevocationSources>) {
    this.all = all
  }

  statusOf(
    certificate: ClientCertificate,
    now: number,
  ): RevocationStatus | Promise<RevocationStatus> {
    // A name that is not known is one of a former configuration.
    return this.all.get(certificate.revocation ?? '')?.statusOf(certificate, now) ?? 'unavailable'
  }
}
