/**
 * `npm run conformance`: runs the tests and writes docs/conformance.md.
 *
 * `-- --results FILE` takes what an earlier run of the tests left (see vitest.config.ts) instead of running
 * them; `-- --check` writes nothing, and fails if the page is not what would be written.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { renderMatrix } from './document.ts'
import { faultsOf, parseSection, type TestRun } from './matrix.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = join(ROOT, 'docs', 'conformance.md')

/** Files of rows, in the order of the page. */
const SECTIONS = {
  'fapi1-baseline': 'FAPI 1.0 Baseline',
  'fapi1-advanced': 'FAPI 1.0 Advanced',
  fapi2: 'FAPI 2.0 Security Profile and Message Signing',
  bearer: 'Bearer tokens and challenges',
  mtls: 'Certificate-bound tokens (RFC 8705, RFC 9440)',
  dpop: 'DPoP (RFC 9449)',
  token: 'Tokens: JWT, introspection, authorization details, step-up, metadata',
  http: 'HTTP (RFC 9110, RFC 9112)',
  tls: 'TLS (RFC 8996, RFC 9325)',
  operations: 'Operations, logs, metrics',
  refusals: 'One answer per condition',
  suite: 'Modules of the OpenID conformance suite that touch a resource endpoint',
  'peer-failures': 'Advisories of others',
  'peer-holes': 'Holes of others that have no advisory',
  'catalogue-tokens': 'Attacks and faults: tokens',
  'catalogue-dpop': 'Attacks and faults: DPoP proofs',
  'catalogue-tls': 'Attacks and faults: TLS',
  'catalogue-http': 'Attacks and faults: HTTP/1.1',
  'catalogue-paths': 'Attacks and faults: paths and routes',
  'catalogue-http2': 'Attacks and faults: HTTP/2',
  'catalogue-issuers': 'Attacks and faults: issuers',
  'catalogue-upstream': 'Attacks and faults: upstreams',
  'catalogue-replay': 'Attacks and faults: replay store',
  'catalogue-process': 'Attacks and faults: process, configuration, resources',
} as const

const { values: asked } = parseArgs({
  options: { results: { type: 'string' }, check: { type: 'boolean', default: false } },
})

const sections = Object.entries(SECTIONS).map(([name, title]) =>
  parseSection(title, readFileSync(join(import.meta.dirname, 'rows', `${name}.yaml`), 'utf8')),
)
const runs = asked.results === undefined ? runTests() : readResults(asked.results)
const faults = faultsOf(sections, runs)
for (const fault of faults) console.error(fault)

const page = renderMatrix(sections, runs)
if (!asked.check) {
  writeFileSync(PAGE, page)
  console.log(`${relative(ROOT, PAGE)}: ${sections.flatMap(({ rows }) => rows).length} rows`)
} else if (readFileSync(PAGE, 'utf8') !== page) {
  faults.push('docs/conformance.md')
  console.error('docs/conformance.md is not in step: npm run conformance writes it')
}
process.exitCode = faults.length === 0 ? 0 : 1

function runTests(): TestRun[] {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'))
  const results = join(folder, 'results.json')
  try {
    spawnSync(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), 'run'], {
      cwd: ROOT,
      env: { ...process.env, TEST_RESULTS: results },
      stdio: 'inherit',
    })
    return readResults(results)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Results {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

/** What Vitest's JSON reporter wrote. */
function readResults(path: string): TestRun[] {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Results
  return testResults.flatMap(({ name, assertionResults }) => {
    const file = relative(ROOT, name).replaceAll(sep, '/')
    return assertionResults.map(({ ancestorTitles, title, status }) => ({
      file,
      titles: [...ancestorTitles, title],
      state: status === 'passed' || status === 'failed' ? status : 'skipped',
    }))
  })
}
