/**
 * A `gateway.yaml` and, below a rule, the plans it has to compile to. After a change that is meant:
 * `GOLDEN=write npx vitest run test/golden`, and read the difference.
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { renderPlan } from '../../src/config/explanation.ts'
import { createWorkspace, type Workspace } from '../config/workspace.ts'

const RULE = '\n# ---------- compiles to ----------\n'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

test.each(globSync('*.yaml', { cwd: import.meta.dirname }).sort())('%s', async (name) => {
  const file = join(import.meta.dirname, name)
  const [yaml = '', expected] = readFileSync(file, 'utf8').split(RULE)
  const { configuration, text } = await workspace.load(yaml)
  const plans = configuration?.routes.map((route) => renderPlan(route, configuration)) ?? []
  const compiled = [text, ...plans]
    .filter((part) => part !== '')
    .join('\n')
    .replace(/^(?=.)/gm, '# ')
  if (process.env['GOLDEN'] === 'write') writeFileSync(file, `${yaml}${RULE}${compiled}`)
  else expect(compiled).toBe(expected)
})
