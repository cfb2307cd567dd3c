/**
 * `deploy/clone/run.mjs` in a small clone of its own, with the real npm and one local dependency, so
 * that nothing is fetched.
 *
 * @module
 */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isSupportedNode } from '../../src/node-version.mjs'

const root = join(import.meta.dirname, '../..')
const old = process.platform === 'linux' ? unsupportedNodeOnPath() : undefined

let clone: string
let started: ChildProcessWithoutNullStreams[]

beforeEach(() => {
  started = []
  clone = realpathSync(mkdtempSync(join(tmpdir(), 'clone-')))
  cpSync(join(root, 'deploy/clone'), join(clone, 'deploy/clone'), { recursive: true })
  writeFiles({
    'src/node-version.mjs': readFileSync(join(root, 'src/node-version.mjs'), 'utf8'),
    'package.json': { name: 'clone', type: 'module', devDependencies: { echo: 'file:./echo' } },
    'package-lock.json': {
      name: 'clone',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'clone', devDependencies: { echo: 'file:./echo' } },
        echo: { version: '1.0.0', dev: true, bin: { 'echo-tool': 'echo.mjs' } },
        'node_modules/echo': { resolved: 'echo', link: true },
      },
    },
    'echo/package.json': { name: 'echo', version: '1.0.0', bin: { 'echo-tool': 'echo.mjs' } },
    'echo/echo.mjs':
      'console.log(JSON.stringify({ cwd: process.cwd(), argv: process.argv.slice(2) }))',
    'src/bin.mjs': `console.log(JSON.stringify({
      cwd: process.cwd(), argv: process.argv.slice(2), node: process.versions.node, path: process.env.PATH }))`,
    'src/ends.mjs': 'process.exitCode = 7',
    'src/typed.ts': 'const code: number = Number(process.argv[2])\nprocess.exitCode = code',
    'src/serves.mjs': `for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
      process.once(signal, () => { console.log(signal); clearInterval(alive); process.exitCode = 3 })
      const alive = setInterval(() => {}, 1000)
      console.log('ready')`,
    'src/dies.mjs': "process.kill(process.pid, 'SIGKILL')",
  })
})

afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(clone, { recursive: true, force: true })
})

describe('the dependencies', () => {
  test('are installed by the first run and left alone by the second', () => {
    const first = run(['src/bin.mjs', 'validate', 'a b'])
    expect(first).toMatchObject({ status: 0, stderr: 'installing dependencies (once)…\n' })
    expect(JSON.parse(first.stdout)).toMatchObject({ argv: ['validate', 'a b'] })
    expect(run(['src/bin.mjs'])).toMatchObject({ status: 0, stderr: '' })
  })

  test('are installed again when package-lock.json asks for something else', () => {
    run(['src/bin.mjs'])
    const lock = JSON.parse(readFileSync(join(clone, 'package-lock.json'), 'utf8'))
    lock.packages['node_modules/added'] = { resolved: 'added', link: true }
    lock.packages.added = { version: '1.0.0', dev: true }
    lock.packages[''].devDependencies.added = 'file:./added'
    writeFiles({
      'package-lock.json': lock,
      'package.json': {
        name: 'clone',
        devDependencies: { echo: 'file:./echo', added: 'file:./added' },
      },
      'added/package.json': { name: 'added', version: '1.0.0' },
    })
    expect(run(['src/bin.mjs']).stderr).toContain('installing')
    expect(existsSync(join(clone, 'node_modules/added'))).toBe(true)
  })

  test('are installed with the tools even where NODE_ENV is production', () => {
    const { status } = run(['echo-tool'], { NODE_ENV: 'production' })
    expect(status).toBe(0)
  })

  test('that cannot be installed end the run with what npm says', () => {
    writeFiles({ 'package-lock.json': { lockfileVersion: 3, packages: { 'node_modules/x': {} } } })
    const { status, stderr, stdout } = run(['src/bin.mjs'])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain('npm error')
    expect(existsSync(join(clone, 'deploy/clone/installing'))).toBe(false)
  })

  test('are installed once by runs at the same time', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => ended(start(['src/bin.mjs']))))
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
    const said = runs.map(({ stderr }) => stderr).join('')
    expect(said.match(/installing dependencies/g)).toHaveLength(1)
  })

  test('are installed although a run before this one died while installing', () => {
    const { pid } = spawnSync(process.execPath, ['--version'])
    writeFiles({ [`deploy/clone/installing/${pid}-died`]: '' })
    expect(run(['src/bin.mjs'])).toMatchObject({ status: 0 })
    expect(existsSync(join(clone, 'deploy/clone/installing'))).toBe(false)
  })
})

describe('the target', () => {
  beforeEach(() => {
    run(['src/bin.mjs'])
  })

  test('runs where the user is, though npm runs its scripts in the root', () => {
    const { stdout } = run(['src/bin.mjs'], { INIT_CWD: join(clone, 'echo') })
    expect(JSON.parse(stdout)).toMatchObject({ cwd: join(clone, 'echo') })
  })

  test('runs in the folder of the call, and INIT_CWD of another npm is not heeded', () => {
    const { stdout } = run(['src/bin.mjs'], { INIT_CWD: root }, join(clone, 'echo'))
    expect(JSON.parse(stdout)).toMatchObject({ cwd: join(clone, 'echo') })
  })

  test('finds the Node it runs on first on PATH', () => {
    const { path } = JSON.parse(run(['src/bin.mjs']).stdout)
    expect(path.split(delimiter)[0]).toBe(dirname(process.execPath))
  })

  test('may be a tool by its name, which runs in the root', () => {
    const { status, stdout } = run(['echo-tool', '--flag'], { INIT_CWD: root }, join(clone, 'echo'))
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ cwd: clone, argv: ['--flag'] })
  })

  test('that no dependency brings is an error of usage', () => {
    expect(run(['no-such-tool'])).toMatchObject({ status: 2, stdout: '' })
    expect(run([])).toMatchObject({ status: 2, stdout: '' })
  })

  test('may be a script in TypeScript', () => {
    expect(run(['src/typed.ts', '5'])).toMatchObject({ status: 5 })
  })

  test('gives the run its exit code', () => {
    expect(run(['src/ends.mjs']).status).toBe(7)
  })

  test('gives the run the signal it died of', () => {
    expect(run(['src/dies.mjs']).signal).toBe('SIGKILL')
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('is sent %s', async (signal) => {
    const child = start(['src/serves.mjs'])
    await once(child.stdout, 'data')
    child.kill(signal)
    expect(await ended(child)).toMatchObject({ code: 3, stdout: `${signal}\n` })
  })
})

describe.skipIf(old === undefined)(
  `under an unsupported Node${old === undefined ? ' (none on PATH)' : ''}`,
  () => {
    const npm = realpathSync(npmOnPath())

    test('the Node that was brought runs the target', () => {
      const folder = join(clone, `deploy/node/node_modules/node-linux-${process.arch}/bin`)
      mkdirSync(folder, { recursive: true })
      symlinkSync(process.execPath, join(folder, 'node'))
      const { status, stdout } = run(['src/bin.mjs'], { npm_execpath: npm }, clone, old)
      expect(status).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ node: process.versions.node })
    })

    test('a supported one on PATH runs it', () => {
      const PATH = [dirname(old ?? ''), dirname(process.execPath)].join(delimiter)
      const { status, stdout } = run(['src/bin.mjs'], { PATH, npm_execpath: npm }, clone, old)
      expect(status).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ node: process.versions.node })
    })

    test('one of nvm runs it', () => {
      const folder = join(clone, 'home/.nvm/versions/node/v0/bin')
      mkdirSync(folder, { recursive: true })
      symlinkSync(process.execPath, join(folder, 'node'))
      const env = { PATH: dirname(old ?? ''), HOME: join(clone, 'home'), npm_execpath: npm }
      const { status, stdout } = run(['src/bin.mjs'], env, clone, old)
      expect(status).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ node: process.versions.node })
    })
  },
)

function writeFiles(files: Readonly<Record<string, string | object>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(clone, name)), { recursive: true })
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(clone, name), text)
  }
}

/** The environment of this run without what npm has put into it, which is about another clone. */
function environment(changes: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|NODE)/.test(name))
  return { ...Object.fromEntries(own), ...changes }
}

function run(argv: string[], env: NodeJS.ProcessEnv = {}, cwd = clone, node = process.execPath) {
  return spawnSync(node, [join(clone, 'deploy/clone/run.mjs'), ...argv], {
    cwd,
    env: environment(env),
    encoding: 'utf8',
  })
}

function start(argv: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [join(clone, 'deploy/clone/run.mjs'), ...argv], {
    cwd: clone,
    env: environment({}),
  })
  started.push(child)
  return child
}

async function ended(child: ChildProcessWithoutNullStreams) {
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

function onPath(name: string): string[] {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .filter((path) => existsSync(path))
}

function npmOnPath(): string {
  return onPath('npm')[0] ?? ''
}

function unsupportedNodeOnPath(): string | undefined {
  return onPath('node').find((path) => {
    const version = (spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '').trim()
    return version !== '' && !isSupportedNode(version)
  })
}
