import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runExplain } from '../../src/command/explain.ts'
import { createWorkspace, gateway, type Workspace } from '../config/workspace.ts'
import { createRecorder } from './recorder.ts'

let workspace: Workspace
let config: string
beforeAll(async () => {
  workspace = await createWorkspace()
  config = join(workspace.folder, 'gateway.yaml')
})
afterAll(() => workspace.remove())

async function explain(subject: string, url?: string, yaml = gateway()) {
  await workspace.write('gateway.yaml', yaml)
  const output = createRecorder()
  const code = await runExplain({ subject, url, config }, output)
  return { code, printed: output.printed.join('\n'), errors: output.errors.join('\n') }
}

describe('a request', () => {
  const url = 'https://api.bank.example/accounts/1?from=today'

  test('has its route, the checks in order, and who fixed each setting by which clause', async () => {
    const { code, printed } = await explain('get', url)
    expect(code).toBe(0)
    expect(printed).toContain(`GET ${url}\n\nroute     accounts  ${config}:12`)
    expect(printed.match(/^\d+\. \w+/gm)).toEqual([
      '1. transport',
      '2. credentials',
      '3. dpop_proof',
      '4. access_token',
      '5. sender_constraint',
      '6. client_certificate',
      '7. dpop_freshness',
      '8. authentication',
      '9. authorization',
      '10. replay',
    ])
    expect(printed).toMatch(
      /required {2,}true {2,}fapi2-security {2,}FAPI 2.0 Security Profile 5.3.4-5\n/,
    )
  })

  test.each([
    ['for another method', 'POST', url, '405 the path has routes, for other methods: GET, HEAD'],
    [
      'for another path',
      'GET',
      'https://api.bank.example/account',
      '404 no route matches this path. The nearest:\n  accounts',
    ],
    [
      'for another host',
      'GET',
      'https://other.example/accounts',
      '421 no listener serves this host; the public URLs are https://api.bank.example',
    ],
    [
      'that is none',
      'GET',
      'https://api.bank.example/a/../b',
      '400 path_dot_segment: The path has a segment . or .., which would lead elsewhere.',
    ],
  ])('%s', async (_, method, target, answer) => {
    const { code, printed } = await explain(method, target)
    expect(code).toBe(1)
    expect(printed).toContain(`\n\n${answer}`)
  })

  test('has to have a path or a URL', async () => {
    const { code, printed, errors } = await explain('GET', 'notaurl')
    expect(code).toBe(2)
    expect(printed).toBe('')
    expect(errors).toBe('notaurl: give a path (/accounts) or a URL (https://…)')
  })

  test('may be a path alone', async () => {
    expect((await explain('GET', '/accounts')).code).toBe(0)
  })

  test('of a public route is asked for no token', async () => {
    const routes =
      '[{ id: status, match: GET /status, public: true, upstream: "http://127.0.0.1:1" }]'
    const { printed } = await explain('GET', '/status', gateway({ routes }))
    expect(printed).toContain('issuers   none: the route is public')
    expect(printed).not.toContain('2. credentials')
    expect(printed).toContain('No token is asked for.')
  })

  test('in a file that is not valid is not explained', async () => {
    const { code, errors } = await explain('GET', url, gateway({ version: '2' }))
    expect(code).toBe(78)
    expect(errors).toContain('error[invalid-value]')
  })

  test('shows a reference where the file has one, and not what it led to', async () => {
    await workspace.write('secret-scope', 's3cr3t-scope\n')
    const routes =
      '[{ id: a, match: /a, scopes: ["${file:secret-scope}"], upstream: "http://127.0.0.1:1" }]'
    const { printed } = await explain('GET', '/a', gateway({ routes }))
    expect(printed).toMatch(/scopes {2,}\$\{file:secret-scope\}/)
    expect(printed).not.toContain('s3cr3t')
  })
})

describe('a word', () => {
  test('is a diagnostic', async () => {
    const { code, printed } = await explain('profile-floor')
    expect(code).toBe(0)
    expect(printed).toMatch(/^profile-floor\n\nA value is looser than the profile allows\./)
  })

  test.each([
    ['dpop.nonce.mode', 'Short for dpop_freshness.nonce.'],
    ['limits.request', 'Until the whole request has come.\nDefault: "30s"'],
    [
      'sender_constraint.required',
      'Refuse tokens that are not bound to a key.\nDefault: what the profile says.\nA route may turn it on.',
    ],
  ])('is a setting: %s', async (name, text) => {
    expect((await explain(name)).printed).toBe(`${name}\n\n${text}`)
  })

  test.each([
    [
      'dpop_replayed',
      `The proof was used before: every request needs a proof of its own.
Answered with 401 invalid_dpop_proof. The client is told the reason.
Asked by replay: Is the DPoP proof seen for the first time?`,
    ],
    [
      'token_expired',
      `The token has expired.
Answered with 401 invalid_token. The client is not told the reason, but: "The access token is malformed, expired, revoked or not meant for this resource".
Asked by access_token: Does an issuer of this route vouch for the token, now?`,
    ],
    [
      'token_missing',
      `There is no Authorization field.
Answered with 401 missing_token. The client is told the accepted schemes, and no reason (RFC 6750 §3.1).
Asked by credentials: Is there one access token, in the Authorization field?`,
    ],
    [
      'upstream_timeout',
      `The upstream did not answer within its timeouts.
Answered with 504 gateway_timeout. The client is told the reason.
No check asks it: the gateway or the upstream could not do its part.`,
    ],
  ])('is a reason: %s', async (reason, text) => {
    const { code, printed } = await explain(reason)
    expect(code).toBe(0)
    expect(printed).toBe(`${reason}\n\n${text}`)
  })

  test('may be near to a reason', async () => {
    const { errors } = await explain('dpop_replay')
    expect(errors).toContain('Did you mean dpop_replayed?')
  })

  test('may be nothing that is known', async () => {
    const { code, errors } = await explain('profile-flor')
    expect(code).toBe(2)
    expect(errors).toContain(
      'There is no diagnostic, no reason and no setting "profile-flor". Did you mean profile-floor?',
    )
  })
})
