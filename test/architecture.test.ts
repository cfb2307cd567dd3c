/**
 * Holds the architecture that src/README.md describes. Each rule is asked about the program, and shown
 * a planted fault that it has to find and an honest neighbour that it has to leave alone.
 *
 * @module
 */

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  certificatesAreReadWithCare,
  clausesAreTested,
  dependenciesAreAtHome,
  dependenciesAreShipped,
  filesAreShort,
  hasNoDefaultExport,
  hasNoModuleState,
  hasNoReExport,
  isMirroredBy,
  isPure,
  namesAreNouns,
  pointsDownwards,
  type Rule,
  reasonsAreUnique,
  type SourceFile,
} from './support/source-rules.ts'

const root = join(import.meta.dirname, '..')
const src = filesBelow('src')
const tests = filesBelow('test').filter(
  ({ name }) => name.endsWith('.test.ts') && name !== 'architecture.test.ts',
)
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

interface Case {
  readonly title: string
  readonly rule: Rule
  readonly faulty: Readonly<Record<string, string>>
  readonly honest: Readonly<Record<string, string>>
}

const titled = [{ name: 'token/claims.test.ts', text: "test('RFC 9449 §4.3 (9): htu', () => {})" }]

const CASES: Case[] = [
  {
    title: 'imports point downwards',
    rule: pointsDownwards,
    faulty: {
      'jose/jwk.ts': "import { parseClaims } from '../token/claims.ts'",
      'jose/algorithm.ts': "import type { Field } from '../http/field.ts'",
      'token/scope.ts': "const later = await import('../check/scope.ts')",
      'extras/thing.ts': '',
    },
    honest: {
      'token/claims.ts': "import { fail } from '../failure/failure.ts'\nimport './scope.ts'",
      'main.ts': "import { serve } from './command/serve.ts'",
    },
  },
  {
    title: 'up to the checks there is no network, no disk, no clock and no log',
    rule: isPure,
    faulty: {
      'check/replay.ts': 'const now = Date.now()',
      'token/claims.ts': 'const now = new Date()',
      'token/jwt.ts': 'const start = performance.now()',
      'policy/field.ts': 'if (process.env.LOOSE) {}',
      'http/path.ts': "import { readFileSync } from 'node:fs'",
      'jose/jwk.ts': 'const keys = await fetch(uri)',
      'encoding/base64url.ts': 'console.log(text)',
      'failure/body.ts': 'setTimeout(write, 1)',
      'failure/challenge.ts': 'const text = `at ${Date.now()}`',
    },
    honest: {
      'jose/verify.ts': "import { verify } from 'node:crypto'\nconst at = new Date(seconds)",
      'token/claims.ts': '// never Date.now(): the clock is read once\nrequest.process.now',
      'adapter/listener.ts': "import { createServer } from 'node:https'\nDate.now()",
    },
  },
  {
    title: 'a reason is a literal and stands in one place',
    rule: reasonsAreUnique,
    faulty: {
      'token/claims.ts': "fail('invalid_token', 'token_expired')",
      'token/jwt.ts': "fail(\n  'invalid_token',\n  'token_expired',\n)",
      'token/scope.ts': "fail('invalid_token', reason)",
      'http/path.ts': "fail(code, 'path_ambiguous')",
    },
    honest: {
      'token/claims.ts': "fail('invalid_token', 'token_expired', exp)",
      'token/jwt.ts': "// fail('invalid_token', 'token_expired')\nexpect.fail(text)",
      'failure/failure.ts': 'export function fail(error: ErrorCode, reason: string) {}',
    },
  },
  {
    title: 'a dependency is imported in its home only',
    rule: dependenciesAreAtHome,
    faulty: {
      'gateway/router.ts': "import { z } from 'zod'",
      'jose/verify.ts': "import { jwtVerify } from 'jose/jwt/verify'",
      'adapter/upstream.ts': "import * as x509 from '@peculiar/x509'",
      'token/scope.ts': "import 'left-pad'",
    },
    honest: {
      'policy/field.ts': "import { z } from 'zod'",
      'demo/certificates.ts': "import 'reflect-metadata'\nimport * as x509 from '@peculiar/x509'",
    },
  },
  {
    title: 'what the package imports is installed with it',
    rule: dependenciesAreShipped(['zod']),
    faulty: { 'config/schema.ts': "import { parse } from 'yaml'" },
    honest: { 'config/schema.ts': "import { z } from 'zod'", 'demo/bank.ts': "import 'jose'" },
  },
  {
    title: 'a file has at most 300 lines',
    rule: filesAreShort,
    faulty: { 'token/jwt.ts': 'line\n'.repeat(301) },
    honest: { 'token/jwt.ts': 'line\n'.repeat(300) },
  },
  {
    title: 'a file is named by a noun in kebab-case',
    rule: namesAreNouns,
    faulty: {
      'token/utils.ts': '',
      'helpers/scope.ts': '',
      'token/token-manager.ts': '',
      'token/Scope.ts': '',
      'token/base.ts': '',
      'token/scope_set.ts': '',
    },
    honest: { 'encoding/base64url.ts': '', 'sender-constraint/dpop/proof.ts': '', 'main.ts': '' },
  },
  {
    title: 'there are no default exports',
    rule: hasNoDefaultExport,
    faulty: { 'a.ts': 'export default {}', 'b.ts': 'export { serve as default }' },
    honest: { 'a.ts': "// export default\nexport const text = 'export default'" },
  },
  {
    title: 'no file re-exports another',
    rule: hasNoReExport,
    faulty: {
      'a.ts': "export * from './b.ts'",
      'b.ts': "export {\n  one,\n} from './c.ts'",
      'c.ts': "export type { One } from './c.ts'",
      'd.ts': "export * as all from './c.ts'",
    },
    honest: { 'a.ts': "import { one } from './b.ts'\nexport { two }\nconst three = from(one)" },
  },
  {
    title: 'a module has no state',
    rule: hasNoModuleState,
    faulty: { 'a.ts': 'let count = 0', 'b.ts': 'export var seen' },
    honest: { 'a.ts': 'function next() {\n  let count = 0\n}\nconst text = `\nlet it be`' },
  },
  {
    title: 'DER of a certificate is read in one place',
    rule: certificatesAreReadWithCare,
    faulty: {
      'adapter/connection.ts': 'new X509Certificate(der)',
      'x509/authority.ts': 'new X509Certificate(facts.der)',
    },
    honest: {
      'x509/presented-certificate.ts': 'new X509Certificate(der)',
      'x509/authority.ts': 'new X509Certificate(block)',
    },
  },
  {
    title: 'what is below the configuration has its mirrored test',
    rule: isMirroredBy(titled),
    faulty: { 'token/scope.ts': 'export function parseScope() {}' },
    honest: {
      'token/claims.ts': 'export const claims = {}',
      'token/access-token.ts': 'export interface AccessToken {}',
      'gateway/router.ts': 'export function route() {}',
    },
  },
  {
    title: 'a clause that the rules cite is in the title of a test',
    rule: clausesAreTested(titled),
    faulty: {
      'sender-constraint/dpop/proof.ts': '  // RFC 9449 §4.3 (10).\n',
      'http/path.ts': '  // RFC 9110 §4.2.3: no empty segments.\n',
    },
    honest: {
      'sender-constraint/dpop/proof.ts': '  // RFC 9449 §4.3 (9).\n',
      'token/claims.ts': '  // RFC 9449 §4.3.\n',
      'config/schema.ts': '  // RFC 9110 §4.2.3.\n',
    },
  },
]

describe('the program', () => {
  const real: Record<string, Rule> = {
    'what the package imports is installed with it': dependenciesAreShipped(
      Object.keys(dependencies),
    ),
    'what is below the configuration has its mirrored test': isMirroredBy(tests),
    'a clause that the rules cite is in the title of a test': clausesAreTested(tests),
  }
  test.each(CASES)('$title', ({ title, rule }) => {
    expect(src.length).toBeGreaterThan(0)
    expect((real[title] ?? rule)(src)).toEqual([])
  })
})

describe('the rules find what they are for', () => {
  test.each(CASES)('$title', ({ rule, faulty, honest }) => {
    expect(rule(planted(honest))).toEqual([])
    for (const name of Object.keys(faulty)) {
      expect(rule(planted(faulty)).filter((fault) => fault.includes(stem(name)))).not.toEqual([])
    }
  })
})

/** The path as a fault names it, whether it speaks of the file or of its test. */
function stem(name: string): string {
  return name.replace(/\.ts$/, '.')
}

function planted(files: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(files).map(([name, text]) => ({ name, text }))
}

function filesBelow(folder: string): SourceFile[] {
  return globSync('**/*.ts', { cwd: join(root, folder) }).map((name) => ({
    name: name.replaceAll('\\', '/'),
    text: readFileSync(join(root, folder, name), 'utf8'),
  }))
}
