/**
 * The programs that are needed: found, or on Debian, by root, installed.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import httpProxyManifest from 'http-proxy/package.json' with { type: 'json' }

const PACKAGES = {
  nginx: 'nginx',
  haproxy: 'haproxy',
  apache2: 'apache2',
  wrk: 'wrk',
  curl: 'curl',
  taskset: 'util-linux',
  'redis-server': 'redis-server',
} as const

export type ProgramName = keyof typeof PACKAGES

/** Apache modules that are in another package than Apache itself. */
const MOD_OAUTH2 = '/usr/lib/apache2/modules/mod_oauth2.so'

/** Asked by the package manager's scripts before a service is started (policy-rc.d). */
const POLICY = '/usr/sbin/policy-rc.d'

/** Daemons are in folders that are not on everybody's PATH. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']

export function pathOf(name: ProgramName): string {
  const found = find(name)
  if (found === undefined) throw new Error(`${name} is not installed`)
  return found
}

/**
 * Installs what is missing, without starting any service.
 *
 * @throws With the command to run, where this cannot be done here.
 */
export function install(say: (text: string) => void): void {
  const names = Object.keys(PACKAGES) as ProgramName[]
  const missing: string[] = names.filter((name) => !find(name)).map((name) => PACKAGES[name])
  if (!existsSync(MOD_OAUTH2)) missing.push('libapache2-mod-oauth2')
  if (missing.length === 0) return

  const command = ['apt-get', 'install', '--yes', '--no-install-recommends', ...missing]
  const isDebian = existsSync('/etc/debian_version') && process.getuid?.() === 0
  if (!isDebian) throw new Error(`needs these programs; on Debian: sudo ${command.join(' ')}`)
  say(`installing ${missing.join(', ')} (once)…`)
  const isOurs = !existsSync(POLICY)
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    run(['apt-get', 'update', '-qq'])
    run(command)
  } finally {
    if (isOurs) rmSync(POLICY)
  }
}

/** Whose versions say something about the figures. */
const TOLD = [
  ...['nginx', 'haproxy', 'apache2', 'libapache2-mod-oauth2', 'liboauth2-0'],
  ...['redis-server', 'openssl', 'wrk'],
]

/** The versions of what is measured beside the gateway, by the package manager where there is one. */
export function versions(): Record<string, string> {
  const { stdout = '' } = spawnSync(
    'dpkg-query',
    ['--show', '--showformat=${Package} ${Version}\\n', ...TOLD],
    { encoding: 'utf8' },
  )
  const lines = stdout.split('\n').filter((line) => line !== '')
  const library = { 'http-proxy': httpProxyManifest.version }
  return { ...Object.fromEntries(lines.map((line) => line.split(' ', 2))), ...library }
}

function find(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

function run([program = '', ...args]: readonly string[]): void {
  const { status, stderr, stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`)
}
