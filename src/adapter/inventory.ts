/**
 * The metrics that say what is in force: build, configuration, certificates; and the series of what it
 * names, from zero on.
 *
 * @module
 */

import { X509Certificate } from 'node:crypto'
import type { Configuration } from '../config/configuration.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { wallClock } from './clock.ts'
import { VERSION } from './package.ts'
import type { RevocationSources } from './revocation.ts'

/** Sets the metrics that follow from a configuration. Called at start and after every reload. */
export function describe(configuration: Configuration, metrics: Metrics): void {
  const { hash, profile } = configuration
  metrics.configInfo.reset()
  metrics.configInfo.set({ hash, profile, version: VERSION }, 1)
  metrics.configReloadSuccessful.set(1)
  metrics.configReloadTimestamp.set(wallClock())
  for (const result of ['ok', 'failed']) metrics.configReloads.inc({ result }, 0)
  const { node, openssl } = process.versions
  metrics.buildInfo.set({ version: VERSION, node, openssl: openssl ?? '' }, 1)

  const { replayStore: store } = configuration.dpop
  if (store === 'memory') metrics.replayEvictions.inc({ store }, 0)
  metrics.replayFull.inc({ store }, 0)
  metrics.replayDetected.inc({ kind: 'dpop_jti' }, 0)
  for (const { id } of configuration.listeners) metrics.inFlight.inc({ listener: id }, 0)
  describeUpstreams(configuration, metrics)
  describeCertificates(configuration, metrics)
}

function describeUpstreams({ upstreams }: Configuration, metrics: Metrics): void {
  for (const { id } of upstreams) {
    metrics.upstreamRequests.inc({ upstream: id, code_class: '2xx', reason: 'ok' }, 0)
    for (const reason of ['connect', 'timeout', 'reset', 'tls']) {
      metrics.upstreamRequests.inc({ upstream: id, code_class: 'none', reason }, 0)
    }
    metrics.upstreamSeconds.zero({ upstream: id })
  }
}

function describeCertificates(configuration: Configuration, metrics: Metrics): void {
  metrics.certificateNotAfter.reset()
  const note = (role: string, name: string, pem: string | undefined) => {
    for (const certificate of certificatesOf(pem)) {
      const end = Date.parse(certificate.validTo) / 1000
      metrics.certificateNotAfter.set({ role, name: name || subjectOf(certificate) }, end)
    }
  }
  for (const { certificates } of configuration.listeners) {
    for (const { name, cert, clientCertificate } of certificates) {
      // Of a chain, the end entity's counts: the first.
      note('server', name, firstOf(cert))
      note('client_ca', '', clientCertificate.ca)
    }
  }
  for (const { id, tls } of configuration.upstreams) note('upstream_client', id, firstOf(tls.cert))
}

/** The metrics of revocation lists: those in force now. */
export function describeLists(all: Iterable<RevocationSources>, metrics: Metrics): void {
  for (const gauge of [metrics.crlNextUpdate, metrics.crlEntries, metrics.crlLastSuccess]) {
    gauge.reset()
  }
  const ends = new Map<string, number>()
  for (const { sources } of all) {
    for (const { lists, loadedAt } of sources) {
      for (const { authority, nextUpdate, revoked } of lists) {
        const ca = authority.name
        ends.set(ca, Math.min(ends.get(ca) ?? nextUpdate, nextUpdate))
        metrics.crlEntries.inc({ ca }, revoked.size)
        if (loadedAt !== undefined) metrics.crlLastSuccess.set({ ca }, loadedAt)
      }
    }
  }
  for (const [ca, end] of ends) metrics.crlNextUpdate.set({ ca }, end)
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function certificatesOf(pem: string | undefined): X509Certificate[] {
  return (pem?.match(PEM) ?? []).map((text) => new X509Certificate(text))
}

function firstOf(pem: string | undefined): string | undefined {
  return pem?.match(PEM)?.[0]
}

/** On one line: Node puts one attribute on each. */
function subjectOf({ subject }: X509Certificate): string {
  return subject.split('\n').join(', ')
}
