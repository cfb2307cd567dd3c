import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const unit = readFileSync(
  join(import.meta.dirname, '../../deploy/systemd/fapi-gateway.service'),
  'utf8',
)
const isInstalled = spawnSync('systemd-analyze', ['--version']).status === 0
const suffix = isInstalled ? '' : ' (skipped: systemd-analyze is not installed)'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unit-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function analyze(text: string, ...argv: string[]) {
  const path = join(folder, 'fapi-gateway.service')
  writeFileSync(path, text)
  return spawnSync('systemd-analyze', [...argv, path], { encoding: 'utf8' })
}

/** systemd asks whether the command exists; where the test runs, Node is the one that surely does. */
function withCommand(text: string): string {
  return text.replaceAll('/usr/bin/fapi-gateway', process.execPath)
}

describe('the unit', () => {
  test('asks for the configuration to be valid before a start and before a reload', () => {
    const validate = '/usr/bin/fapi-gateway validate /etc/fapi-gateway/gateway.yaml'
    expect(unit).toContain(`ExecStartPre=${validate}\n`)
    expect(unit).toContain(`ExecReload=${validate}\nExecReload=/bin/kill -HUP $MAINPID\n`)
  })

  test('lets V8 compile: with MemoryDenyWriteExecute= Node does not start', () => {
    expect(unit).not.toMatch(/^MemoryDenyWriteExecute=/m)
  })

  test('contains the program although it may bind port 443', () => {
    expect(unit).toMatch(/^CapabilityBoundingSet=CAP_NET_BIND_SERVICE$/m)
    for (const line of ['DynamicUser=yes', 'NoNewPrivileges=yes', 'ProtectSystem=strict']) {
      expect(unit).toContain(`\n${line}\n`)
    }
  })
})

describe.skipIf(!isInstalled)('systemd-analyze', () => {
  test(`finds no fault in the unit${suffix}`, () => {
    const { status, stderr } = analyze(withCommand(unit), 'verify', '--man=no')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test(`would find one${suffix}`, () => {
    const { stderr } = analyze(
      withCommand(unit).replace('Restart=', 'Retsart='),
      'verify',
      '--man=no',
    )
    expect(stderr).toContain('Retsart')
  })

  test(`rates its exposure at 2.0 or less${suffix}`, () => {
    const rating = ['security', '--offline=true', '--threshold=20', '--no-pager']
    expect(analyze(unit, ...rating)).toMatchObject({ status: 0 })
    const open = unit.replace(/^(SystemCallFilter|Restrict|Protect|Private).*\n/gm, '')
    expect(analyze(open, ...rating).status).not.toBe(0)
  })
})
