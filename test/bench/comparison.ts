/**
 * The working tree beside another revision: the same row, in turns.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { installFrom } from '../../deploy/clone/installation.mjs'
import { measureInTurns } from './contender.ts'
import type { Plan } from './plan.ts'
import type { Finding, RowResult } from './result.ts'
import type { Rig } from './rig.ts'
import type { ComparedRow } from './rows/row.ts'
import { pairedRatios, type Spread } from './statistics.ts'

/** A work tree of a revision, with its dependencies. */
export interface Checkout {
  readonly root: string
  remove(): void
}

/** @throws If there is no such revision, or its dependencies cannot be had. */
export async function checkOut(root: string, revision: string, folder: string): Promise<Checkout> {
  const tree = join(folder, 'revision')
  git(root, ['worktree', 'add', '--quiet', '--detach', tree, revision])
  const forget = () => git(root, ['worktree', 'remove', '--force', tree])
  process.once('exit', forget)
  const remove = () => {
    process.off('exit', forget)
    forget()
  }
  const [own, other] = [root, tree].map((one) => readFileSync(join(one, 'package-lock.json')))
  if (own!.equals(other!)) {
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  } else if (!(await installFrom(process.execPath, tree))) {
    remove()
    throw new Error(`the dependencies of ${revision} could not be installed`)
  }
  return { root: tree, remove }
}

/** @param other Name and work tree of the other revision. */
export async function compareRow(
  rig: Rig,
  row: ComparedRow,
  root: string,
  other: { readonly name: string; readonly root: string },
  plan: Plan,
  say: (text: string) => void,
): Promise<Omit<RowResult, 'at' | 'revision'>> {
  const trees = [{ name: 'working tree', root }, other]
  const contenders = trees.map(({ name, root: tree }) => ({
    ...row.gateway({ name, program: () => rig.program(tree) }),
    name,
  }))
  const { measured, runs } = await measureInTurns(rig, contenders, plan, say)
  const costs = runs.map((own) => own.map(({ cpu, requests }) => cpu / requests))
  const value = pairedRatios(costs[0]!, costs[1]!)
  const finding: Finding = {
    what: `CPU a request : ${other.name}`,
    value,
    unit: '×',
    target: undefined,
  }
  const { id, title } = row
  return { id, title, measured, findings: [finding], notes: [conclusionOf(value)] }
}

/** What may be said of a ratio of costs: nothing, unless all runs lie on one side. */
export function conclusionOf({ median, least, greatest }: Spread): string {
  const percent = `${Math.abs((median - 1) * 100).toFixed(1)} %`
  if (greatest < 1) return `The working tree is cheaper, by ${percent}.`
  if (least > 1) return `The working tree is dearer, by ${percent}.`
  return 'No difference that these runs can show.'
}

function git(root: string, argv: readonly string[]): void {
  const { status, stderr } = spawnSync('git', ['-C', root, ...argv], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr.trim())
}
