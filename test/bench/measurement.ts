/**
 * From a row to its result.
 *
 * @module
 */

import { measureInTurns } from './contender.ts'
import type { Plan } from './plan.ts'
import type { Finding, RowResult } from './result.ts'
import type { Rig } from './rig.ts'
import type { ComparedRow, GatewayBuild, Row, RowFindings } from './rows/row.ts'
import { pairedRatios } from './statistics.ts'

export async function measureRow(
  rig: Rig,
  row: Row,
  build: GatewayBuild,
  plan: Plan,
  say: (text: string) => void,
): Promise<Omit<RowResult, 'at' | 'revision'>> {
  say(`${row.id} ${row.title}`)
  const { measured, findings, notes } =
    row.kind === 'compared'
      ? await compare(rig, row, build, plan, say)
      : await row.measure(rig, build, plan, say)
  return { id: row.id, title: row.title, measured, findings, notes: notes ?? [] }
}

async function compare(
  rig: Rig,
  row: ComparedRow,
  build: GatewayBuild,
  plan: Plan,
  say: (text: string) => void,
): Promise<RowFindings> {
  const peers = row.others(build)
  const contenders = [row.gateway(build), ...peers.map(({ contender }) => contender)]
  const { measured, runs } = await measureInTurns(rig, contenders, plan, say)
  const costs = runs.map((own) => own.map(({ cpu, requests }) => cpu / requests))
  const findings = peers.map(
    ({ contender, atMost }, i): Finding => ({
      what: `CPU a request : ${contender.name}`,
      value: pairedRatios(costs[0]!, costs[i + 1]!),
      unit: '×',
      target: atMost === undefined ? undefined : { kind: 'at most', value: atMost },
    }),
  )
  return { measured, findings, notes: row.notes ?? [] }
}
