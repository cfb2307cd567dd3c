import { execFile, spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, HOST, startFixture } from '../support/fixture.ts'
import { type GatewayProcess, readPorts, serve } from '../support/gateway-process.ts'

/**
 * The program, started as an operator would start it, seen by tools that know nothing of it. What is
 * offered is compared as a whole: a suite more is as much of a fault as one less.
 */

const PROFILES = ['fapi1-advanced', 'fapi2-security'] as const
const KEYS = ['RSA', 'EC'] as const

/** Of TLS 1.3; the first is what is chosen. */
const SUITES_OF_1_3 = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
]
/** Of TLS 1.2, by profile and key, as OpenSSL calls them. */
const SUITES_OF_1_2 = {
  'fapi1-advanced RSA': ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES128-GCM-SHA256'],
  // FAPI 1.0 Advanced §8.5 names no suite of TLS 1.2 for such a key.
  'fapi1-advanced EC': [],
  'fapi2-security RSA': ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES128-GCM-SHA256'],
  'fapi2-security EC': ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
} as const
/** Of TLS 1.3, by key. One of P-256 signs with nothing else; without TLS 1.2 there is no more to it. */
const SIGNATURES = {
  RSA: ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'],
  EC: ['ecdsa_secp256r1_sha256'],
} as const

interface Target {
  readonly profile: (typeof PROFILES)[number]
  readonly key: (typeof KEYS)[number]
  /** Whether tickets are off. */
  readonly isForgetful: boolean
}
const TARGETS: readonly Target[] = PROFILES.flatMap((profile) =>
  KEYS.map((key) => ({ profile, key, isForgetful: profile === 'fapi2-security' && key === 'EC' })),
)
const nameOf = ({ profile, key }: Target) => `${profile} ${key}` as const

let fixture: Fixture
const started: GatewayProcess[] = []
const ports = new Map<string, number>()

beforeAll(async () => {
  fixture = await startFixture()
  for (const keyKind of KEYS) {
    const issued = await fixture.authority.issueServer({ dnsNames: [HOST], keyKind })
    await writeFile(join(fixture.folder, `${keyKind}.crt`), issued.certificate)
    await writeFile(join(fixture.folder, `${keyKind}.key`), issued.key)
  }
  for (const target of TARGETS) {
    const file = join(fixture.folder, `${target.profile}-${target.key}.yaml`)
    await writeFile(file, yaml(target))
    const gateway = serve(file)
    started.push(gateway)
    ports.set(nameOf(target), readPorts(await gateway.line('"ready: ')).port)
  }
})
afterAll(async () => {
  for (const { child, exit } of started) {
    child.kill('SIGKILL')
    await exit
  }
  await fixture.close()
})

function yaml({ profile, key, isForgetful }: Target): string {
  return `version: 1
profile: ${profile}
listen:
  address: 127.0.0.1:0
  public_url: https://${HOST}
  certificate: ${key}.crt
  key: ${key}.key
  client_ca: ca.pem
${isForgetful ? '  session_tickets: off' : ''}
routes:
  - { id: open, match: /open/**, public: true, upstream: "${fixture.bank.url}" }
`
}

function isInstalled(program: string, ...argv: string[]): boolean {
  return spawnSync(program, argv).status === 0
}

const hasSslscan = isInstalled('sslscan', '--version')
describe.skipIf(!hasSslscan)(`sslscan${hasSslscan ? '' : ' (is not installed)'}`, () => {
  /** The attributes of every element of this name. */
  function elements(xml: string, name: string): Record<string, string>[] {
    return [...xml.matchAll(new RegExp(`<${name} ([^>]*?)/?>`, 'g'))].map(([, attributes = '']) =>
      Object.fromEntries(
        [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
      ),
    )
  }

  test.each(TARGETS.map((target) => [nameOf(target), target] as const))(
    'RFC 9325 §3, RFC 9325 §4, FAPI 1.0 Advanced §8.5, FAPI 2.0 SP §5.2.2: %s [TLS-1, TLS-2, TLS-3, TLS-4, TLS-5, TLS-6, TLS-7, TLS-10, M13]',
    async (name, { key }) => {
      const file = join(fixture.folder, `${name}.xml`)
      const to = `127.0.0.1:${ports.get(name)}`
      await promisify(execFile)('sslscan', [
        `--sni-name=${HOST}`,
        '--show-sigs',
        `--xml=${file}`,
        to,
      ])
      const xml = await readFile(file, 'utf8')

      const ofOld = SUITES_OF_1_2[name]
      const enabled = elements(xml, 'protocol').filter((one) => one['enabled'] === '1')
      const versions = ofOld.length > 0 ? ['1.2', '1.3'] : ['1.3']
      // Without a suite to offer, TLS 1.2 is not there, whatever the minimum.
      expect(enabled.map(({ version }) => version)).toEqual(versions)

      const suites = elements(xml, 'cipher')
      const suitesOf = (version: string) =>
        suites.filter(({ sslversion }) => sslversion === version).map(({ cipher }) => cipher)
      expect(suitesOf('TLSv1.3')).toEqual(SUITES_OF_1_3)
      expect(suitesOf('TLSv1.2')).toEqual(ofOld)
      expect(suites).toHaveLength(SUITES_OF_1_3.length + ofOld.length)
      const preferred = suites.filter(({ status }) => status === 'preferred')
      expect(preferred.map(({ cipher }) => cipher)).toEqual([
        SUITES_OF_1_3[0],
        ...ofOld.slice(0, 1),
      ])

      const groups = elements(xml, 'group').map((one) => `${one['sslversion']} ${one['name']}`)
      const all = ['secp256r1 (NIST P-256)', 'secp384r1 (NIST P-384)', 'x25519']
      // In TLS 1.2 a client that does not know the curve of an EC key cannot be served: it says one at a time.
      const expected = versions.flatMap((one) =>
        (one === '1.2' && key === 'EC' ? all.slice(0, 1) : all).map(
          (group) => `TLSv${one} ${group}`,
        ),
      )
      expect(groups.sort()).toEqual(expected.sort())

      const signatures = elements(xml, 'connection-signature-algorithm')
      const inNew = signatures.filter(({ sslversion }) => sslversion === 'TLSv1.3')
      expect(inNew.map((one) => one['name'])).toEqual(SIGNATURES[key])
      for (const { name: found = '' } of signatures) expect(found).not.toMatch(/sha1|md5|dsa_sha/)

      expect(elements(xml, 'renegotiation')).toEqual([{ supported: '0', secure: '0' }])
      for (const { vulnerable } of elements(xml, 'heartbleed')) expect(vulnerable).toBe('0')
      for (const { supported } of elements(xml, 'compression')) expect(supported).toBe('0')
    },
  )
})

const hasTestssl = isInstalled('testssl', '--version')
describe.skipIf(!hasTestssl)(`testssl.sh${hasTestssl ? '' : ' (is not installed)'}`, () => {
  interface Finding {
    readonly id: string
    readonly severity: string
    readonly finding: string
  }

  async function scan(name: string): Promise<Finding[]> {
    const file = join(fixture.folder, `${name}.json`.replace(' ', '-'))
    // Suites and groups one by one are sslscan's to find, in a hundredth of the time.
    const checks = ['--protocols', '--server-preference', '--server-defaults', '--vulnerable']
    const how = ['--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none']
    const where = ['--ip', '127.0.0.1', '--add-ca', join(fixture.folder, 'ca.pem')]
    const to = `https://${HOST}:${ports.get(name)}`
    const argv = [...how, ...where, ...checks, '-oj', file, to]
    const running = promisify(execFile)('testssl', argv, { maxBuffer: 10_000_000 })
    // Its exit code counts findings, among them those that are explained.
    running.child.stdin?.end()
    await running.catch(() => {})
    return JSON.parse(await readFile(file, 'utf8'))
  }

  /** What it finds fault with, and why that is none. */
  const EXPLAINED: Readonly<Record<string, string>> = {
    engine_problem: 'of the scanner itself: it has no GOST',
    sessionresumption_ticket: 'of the scanner itself: it wants an OpenSSL of its own for that',
    cert_revocation: 'the certificate of this test names no list and no responder',
  }

  // What differs between the others is seen above.
  test.concurrent.each(
    TARGETS.filter((one) => ['fapi1-advanced RSA', 'fapi2-security EC'].includes(nameOf(one))).map(
      (target) => [nameOf(target), target] as const,
    ),
  )(
    'RFC 9325 §3, RFC 9325 §4: %s [TLS-1, TLS-2, TLS-3, TLS-4, TLS-5, TLS-7, TLS-10, M13]',
    async (name, { isForgetful }) => {
      const findings = await scan(name)
      const found = (id: string) => findings.find((one) => one.id === id)?.finding
      const faults = findings.filter(
        ({ id, severity }) => !['OK', 'INFO'].includes(severity) && !(id in EXPLAINED),
      )
      expect(faults).toEqual([])

      const versions = ['SSLv2', 'SSLv3', 'TLS1', 'TLS1_1', 'TLS1_2', 'TLS1_3']
      expect(versions.filter((id) => found(id)?.startsWith('offered'))).toEqual([
        'TLS1_2',
        'TLS1_3',
      ])
      expect(found('cipherorder_TLSv1_2')?.split(' ')).toEqual(SUITES_OF_1_2[name])
      expect(found('cipherorder_TLSv1_3')?.split(' ')).toEqual(SUITES_OF_1_3)
      expect(found('cipher_order')).toBe('server')
      expect(found('protocol_negotiated')).toContain('TLS1.3')
      expect(found('secure_renego')).toBe('supported')
      expect(found('secure_client_renego')).toBe('not vulnerable')
      expect(found('CRIME_TLS')).toBe('not vulnerable')

      const extensions = found('TLS_extensions')
      expect(extensions).toContain('renegotiation info/#65281')
      expect(extensions).toContain('extended master secret/#23')
      expect(extensions?.includes('session ticket/#35')).toBe(!isForgetful)
      if (isForgetful) expect(found('sessionresumption_ID')).toBe('not supported')
    },
    300_000,
  )
})
