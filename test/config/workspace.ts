import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Configuration } from '../../src/config/configuration.ts'
import type { Diagnostic } from '../../src/config/diagnostic.ts'
import { renderDiagnostics } from '../../src/config/diagnostic-rendering.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import type { LoadPorts } from '../../src/config/substitution.ts'
import { createAuthority, generateKeys } from '../../src/demo/certificates.ts'

/** A folder with certificates in it, in which configurations are loaded as if it were the current one. */
export interface Workspace {
  readonly folder: string
  write(name: string, text: string): Promise<void>
  /** Writes `gateway.yaml` and loads it. */
  load(yaml: string, ports?: Partial<LoadPorts>): Promise<Outcome>
  remove(): Promise<void>
}

export interface Outcome {
  readonly configuration: Configuration | undefined
  readonly diagnostics: readonly Diagnostic[]
  /** As `validate` prints it. */
  readonly text: string
}

/** `tls/server.crt` (RSA, api.bank.example), `tls/ec.crt`, `tls/other.key`, `tls/client-ca.pem`. */
export async function createWorkspace(): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'fapi-gateway-'))
  const write = async (name: string, text: string) => {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  const authority = await createAuthority({ name: 'Test CA', keyKind: 'EC' })
  const keys = await generateKeys()
  const dnsNames = ['api.bank.example', '*.wild.example']
  const server = await authority.issueServer({ keys, dnsNames, addresses: ['127.0.0.1'] })
  const curve = await authority.issueServer({ keyKind: 'EC', dnsNames })
  await write('tls/server.crt', server.certificate)
  await write('tls/server.key', server.key)
  await write('tls/ec.crt', curve.certificate)
  await write('tls/ec.key', curve.key)
  await write('tls/other.key', curve.key)
  await write('tls/client-ca.pem', authority.certificate)
  const past = await authority.issueServer({ keys, dnsNames, notAfter: new Date('2020-01-01') })
  await write('tls/expired.crt', past.certificate)
  return {
    folder,
    write,
    load: async (yaml, ports) => {
      await write('gateway.yaml', yaml)
      return load('gateway.yaml', {
        readFile: (path) => readFileSync(path.startsWith('/') ? path : join(folder, path), 'utf8'),
        env: {},
        now: Math.floor(Date.now() / 1000),
        ...ports,
      })
    },
    remove: () => rm(folder, { recursive: true }),
  }
}

function load(file: string, ports: LoadPorts): Outcome {
  const { configuration, diagnostics, sources } = loadConfiguration(file, ports)
  const rendering = { format: 'text', colour: false, denyWarnings: false } as const
  return { configuration, diagnostics, text: renderDiagnostics(diagnostics, sources, rendering) }
}

/** The ids of the diagnostics, with the lines they stand in. */
export function found({ diagnostics }: Outcome): string[] {
  return diagnostics.map(({ id, position }) => `${position.line} ${id}`)
}

const PARTS = {
  version: '1',
  profile: 'fapi2-security',
  listen: [
    '',
    '  address: 127.0.0.1:8443',
    '  public_url: https://api.bank.example',
    '  certificate: tls/server.crt',
    '  key: tls/server.key',
    '  client_ca: tls/client-ca.pem',
  ].join('\n'),
  issuers: '\n  bank: { issuer: https://as.bank.example, audience: https://api.bank.example }',
  routes:
    '\n  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: http://127.0.0.1:9080 }',
} as const

/** An honest configuration with some of its parts replaced or added; undefined leaves a part out. */
export function gateway(change: Readonly<Record<string, string | undefined>> = {}): string {
  return Object.entries({ ...PARTS, ...change })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}:${value?.startsWith('\n') ? '' : ' '}${value}\n`)
    .join('')
}
