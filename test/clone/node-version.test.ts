import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isSupportedNode, refusalToStart, SUPPORTED_NODE } from '../../src/node-version.mjs'

const root = join(import.meta.dirname, '../..')
const bin = join(root, 'src/bin.mjs')

describe('the supported Node', () => {
  test('is the one of package.json [O24]', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(SUPPORTED_NODE).toBe(engines.node)
  })

  test.each(['22.23.2', '22.24.0', 'v24.18.1', '24.21.0', '26.5.1', '26.10.0', '27.0.0'])(
    '%s is supported',
    (version) => expect(isSupportedNode(version)).toBe(true),
  )

  test.each([
    ['18.20.8', 'out of its support'],
    ['20.20.2', 'out of its support'],
    ['22.23.1', 'before the fixes of its line'],
    ['22.9.9', 'before the fixes of its line, and not by the alphabet'],
    ['23.11.1', 'a line that ended'],
    ['24.18.0', 'before the fixes of its line'],
    ['25.9.0', 'a line that ended'],
    ['26.5.0', 'before the fixes of its line'],
    ['27.0.0-nightly20261101', 'no release'],
    ['24.21', 'no version'],
    ['', 'no version'],
  ])('%s is not: %s', (version) => expect(isSupportedNode(version)).toBe(false))
})

describe('a process the gateway cannot be safe in is refused', () => {
  const honest = { version: '24.21.0', execArgv: [], env: { NODE_OPTIONS: '--enable-source-maps' } }

  test('an honest one is not', () => {
    expect(refusalToStart(honest)).toBeUndefined()
    expect(
      refusalToStart({ ...honest, env: { NODE_TLS_REJECT_UNAUTHORIZED: '1' } }),
    ).toBeUndefined()
  })

  test('an old Node is told its version, the supported ones and the reason [O24]', () => {
    const refusal = refusalToStart({ ...honest, version: '20.20.2' })
    expect(refusal).toContain('Node 20.20.2')
    expect(refusal).toContain(SUPPORTED_NODE)
    expect(refusal).toContain('known holes')
  })

  test.each([
    ['--insecure-http-parser'],
    ['--insecure_http_parser'],
    ['--enable-source-maps "--insecure-http-parser"'],
  ])('NODE_OPTIONS=%s', (options) => {
    expect(refusalToStart({ ...honest, env: { NODE_OPTIONS: options } })).toContain('HTTP parser')
  })

  test('node --insecure-http-parser [H39]', () => {
    const refusal = refusalToStart({ ...honest, execArgv: ['--insecure-http-parser'] })
    expect(refusal).toContain('HTTP parser')
  })

  test('NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
    const refusal = refusalToStart({ ...honest, env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
    expect(refusal).toContain('no certificate')
  })
})

describe('the command', () => {
  test.each([
    ['NODE_OPTIONS', '--insecure-http-parser', 'HTTP parser'],
    ['NODE_TLS_REJECT_UNAUTHORIZED', '0', 'no certificate'],
  ])('with %s=%s ends with 1 and says why', (name, value, reason) => {
    const ended = spawnSync(process.execPath, [bin, '--version'], {
      encoding: 'utf8',
      env: { ...process.env, [name]: value },
    })
    expect(ended).toMatchObject({ status: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^fapi-gateway: /m)
    expect(ended.stderr).toContain(reason)
  })

  const old = unsupportedNodeOnPath()
  test.skipIf(old === undefined)(
    `under an unsupported Node ends with 1 and says why${old === undefined ? ' (no such Node on PATH)' : ''}`,
    () => {
      const ended = spawnSync(old ?? '', [bin, '--version'], { encoding: 'utf8' })
      expect(ended).toMatchObject({ status: 1, stdout: '' })
      expect(ended.stderr).toContain(SUPPORTED_NODE)
    },
  )
})

function unsupportedNodeOnPath(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => {
      const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
      return /^v(18|20)\./.test(stdout ?? '')
    })
}
