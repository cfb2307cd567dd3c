/**
 * P6: what the gateway adds to latency at 1,000 requests a second: nginx in the same place, without any
 * authorization, is taken off.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { measureInTurns } from '../contender.ts'
import { runConstantRate } from '../load/constant-rate.ts'
import type { Finding } from '../result.ts'
import { spreadOf } from '../statistics.ts'
import { startNginx } from '../subjects/nginx.ts'
import { certificateBoundTokens, requestWith, targetOf } from './bound-tokens.ts'
import { gatewayWithBoundTokens } from './p02-certificate-bound-token.ts'
import type { SpecialRow } from './row.ts'

const RATE = 1000
const CONNECTIONS = 64

const TARGETS = { p50: 0.5, p99: 3 } as const

function prepareConstantRate(): Contender['prepare'] {
  let tokens: string[] | undefined
  return (rig, { port }, seconds) => {
    tokens ??= certificateBoundTokens(rig)
    const requests = tokens.map((token) => requestWith(port, token))
    let i = 0
    return () =>
      runConstantRate(targetOf(rig, port), {
        rate: RATE,
        seconds,
        connections: CONNECTIONS,
        next: () => requests[i++ % requests.length]!,
      })
  }
}

export const latency: SpecialRow = {
  kind: 'special',
  id: 'P6',
  title: 'latency added at 1,000 requests/s, with the tokens of P2',
  async measure(rig, build, plan, say) {
    const contenders: readonly Contender[] = [
      { ...gatewayWithBoundTokens(build), prepare: prepareConstantRate() },
      {
        name: 'nginx',
        start: () => startNginx(rig, { clientCertificates: true }),
        prepare: prepareConstantRate(),
      },
    ]
    const { measured, runs } = await measureInTurns(rig, contenders, plan, say)
    const [gateway = [], nginx = []] = runs
    const findings = (['p50', 'p99'] as const).map(
      (which): Finding => ({
        what: `${which} over nginx`,
        value: spreadOf(gateway.map((run, round) => run[which] - nginx[round]![which])),
        unit: 'ms',
        target: { kind: 'at most', value: TARGETS[which] },
      }),
    )
    const notes = [
      'Latencies are counted from when a request was due, so they hold what the client was late by: the same for both.',
    ]
    return { measured, findings, notes }
  },
}
