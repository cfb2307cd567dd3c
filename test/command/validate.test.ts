import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runValidate } from '../../src/command/validate.ts'
import { createWorkspace, gateway, type Workspace } from '../config/workspace.ts'
import { createRecorder, repositoryFile } from './recorder.ts'

let workspace: Workspace
const options = { format: 'text', denyWarnings: false } as const
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

async function validate(yaml: string, more: Partial<Parameters<typeof runValidate>[0]> = {}) {
  await workspace.write('gateway.yaml', yaml)
  const file = join(workspace.folder, 'gateway.yaml')
  const output = createRecorder()
  const code = await runValidate({ ...options, files: [file], ...more }, output)
  return { code, output, file }
}

test('a valid file is summed up in a line', async () => {
  const { code, output, file } = await validate(gateway())
  expect(code).toBe(0)
  expect(output.errors).toEqual([])
  expect(output.printed).toHaveLength(1)
  expect(output.printed[0]).toMatch(/: valid, 1 route, profile fapi2-security, hash [0-9a-f]{8}$/)
  expect(output.printed[0]?.startsWith(file)).toBe(true)
})

test('the example that ships is valid', async () => {
  const { code, output } = await validate(repositoryFile('config/gateway.example.yaml'))
  expect(output.errors).toEqual([])
  expect(code).toBe(0)
})

test('a file with errors exits with 78, and says them on the standard error', async () => {
  const { code, output } = await validate(gateway({ profil: 'custom' }))
  expect(code).toBe(78)
  expect(output.printed).toEqual([])
  expect(output.errors[0]).toContain('error[unknown-key]: the file has no setting "profil"')
  expect(output.errors[0]).toContain('did you mean "profile"?')
})

const SHADOWED =
  '[{ id: all, match: /a/**, scopes: [a], upstream: "http://127.0.0.1:1" }, { id: one, match: /a/b, scopes: [a], upstream: "http://127.0.0.1:1" }]'

test('warnings are said, and only with --deny-warnings refused', async () => {
  const lenient = await validate(gateway({ routes: SHADOWED }))
  expect(lenient.code).toBe(0)
  expect(lenient.output.errors[0]).toContain('0 errors, 1 warning.')
  const strict = await validate(gateway({ routes: SHADOWED }), { denyWarnings: true })
  expect(strict.code).toBe(78)
})

test('as JSON it is one document on the standard output, valid or not', async () => {
  const valid = await validate(gateway(), { format: 'json' })
  expect(JSON.parse(valid.output.printed.join(''))).toEqual({ exit: 0, diagnostics: [] })
  const { output } = await validate(gateway({ profile: 'none' }), { format: 'json' })
  expect(output.errors).toEqual([])
  expect(JSON.parse(output.printed.join(''))).toMatchObject({
    exit: 78,
    diagnostics: [{ id: 'no-such-profile', line: 2, column: 10 }],
  })
})

test('for GitHub it is a command a line', async () => {
  const { output } = await validate(gateway({ profile: 'none' }), { format: 'github' })
  expect(output.printed[0]).toMatch(
    /^::error file=.*gateway\.yaml,line=2,col=10,title=no-such-profile::/,
  )
})

test('several files are all judged', async () => {
  const { file } = await validate(gateway())
  const { code, output } = await validate(gateway(), { files: [file, `${file}.missing`] })
  expect(code).toBe(78)
  expect(output.printed).toHaveLength(1)
  expect(output.errors[0]).toContain('error[missing-file]')
})

test('the standard input is -, with paths relative to the current folder', () => {
  const program = resolve(import.meta.dirname, '../../src/bin.mjs')
  const run = (input: string) =>
    spawnSync(process.execPath, [program, 'validate', '-'], {
      input,
      cwd: workspace.folder,
      encoding: 'utf8',
    })
  const valid = run(gateway())
  expect(valid.stderr).toBe('')
  expect(valid.stdout).toMatch(/^-: valid, 1 route, profile fapi2-security, hash [0-9a-f]{8}\n$/)
  expect(valid.status).toBe(0)
  const invalid = run(gateway({ profil: 'custom' }))
  expect(invalid.stderr).toContain('-:13:1: error[unknown-key]: the file has no setting "profil"')
  expect(invalid.status).toBe(78)
})

test('a folder, and a file that is not there, are named for what they are', async () => {
  const { output } = await validate(gateway(), { files: [workspace.folder, 'no-such.yaml'] })
  const said = output.errors[0]?.replaceAll(workspace.folder, '<folder>')
  expect(said).toBe(
    `<folder>:1:1: error[missing-file]: <folder> cannot be read: it is a folder
no-such.yaml:1:1: error[missing-file]: no-such.yaml cannot be read: ${resolve('no-such.yaml')} does not exist
2 errors, 0 warnings. Exit 78. \`fapi-gateway explain missing-file\` says more.`,
  )
})
