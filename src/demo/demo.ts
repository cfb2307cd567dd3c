/**
 * The demo: real parts on loopback, the calls that show what the gateway is for, and a table of what
 * came of them.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { VERSION } from '../adapter/package.ts'
import type { Reply, Token } from './client.ts'
import { startWorld, type World } from './world.ts'

/** Seconds after which the token in the file is replaced: well before it ends. */
const REFRESH_SECONDS = 120

/** A call of the table, and what has to come of it. */
interface Scene {
  readonly what: string
  readonly status: number
  /** What the gateway's log gives as the reason; empty where it let the call through. */
  readonly reason: string
  /** What has to come before, and is not part of the call. */
  prepare?(): Promise<void>
  call(): Promise<Reply>
}

/**
 * Runs the demo.
 *
 * @param once Ends after the calls instead of going on to serve.
 * @param print Takes a line.
 * @returns 0 if every call came out as expected, else 1; when stopped, or at once with `once`.
 */
export async function runDemo(
  folder: string,
  once: boolean,
  print: (line: string) => void,
): Promise<number> {
  const world = await startWorld(folder)
  introduce(world, print)
  let unexpected = 0
  for (const [index, scene] of (await scenes(world)).entries()) {
    if (!(await play(index + 1, scene, world, print))) unexpected += 1
  }
  if (once) {
    await world.close()
    return unexpected === 0 ? 0 : 1
  }
  const token = await refreshToken(world)
  invite(world, print)
  print(`  token life ${token.expiresIn} s; the file is kept fresh        stop with Ctrl-C`)
  await untilStopped(world)
  return unexpected === 0 ? 0 : 1
}

async function scenes({ tpp1, tpp2, apiUrl, resources }: World): Promise<readonly Scene[]> {
  const accounts = `${apiUrl}/accounts`
  const scope = 'accounts'
  const bound = await tpp1.token({ scope, resource: resources.lasting })
  const brief = await tpp1.token({ scope, resource: resources.brief })
  const keyed = await tpp2.token({ scope, resource: resources.lasting })
  const dpop = `DPoP ${keyed.accessToken}`
  let proof = ''
  return [
    {
      what: 'own certificate, token bound to it',
      status: 200,
      reason: '',
      call: () => tpp1.call(accounts, { accessToken: bound.accessToken }),
    },
    {
      what: 'the same token, another certificate',
      status: 401,
      reason: 'cnf_x5t_mismatch',
      call: () =>
        tpp2.rawCall(accounts, { headers: { authorization: `Bearer ${bound.accessToken}` } }),
    },
    {
      what: 'DPoP token, fresh proof',
      status: 200,
      reason: '',
      async prepare() {
        // The first answer asks for a nonce, and the client follows (RFC 9449 §9).
        await tpp2.call(accounts, { accessToken: keyed.accessToken })
        proof = await tpp2.makeProof({
          method: 'GET',
          url: accounts,
          accessToken: keyed.accessToken,
        })
      },
      call: () => tpp2.rawCall(accounts, { headers: { authorization: dpop, dpop: proof } }),
    },
    {
      what: 'the same proof again',
      status: 401,
      reason: 'dpop_replayed',
      call: () => tpp2.rawCall(accounts, { headers: { authorization: dpop, dpop: proof } }),
    },
    {
      what: 'the token alone',
      status: 401,
      reason: 'dpop_proof_missing',
      call: () => tpp2.rawCall(accounts, { headers: { authorization: dpop } }),
    },
    {
      what: 'payments with an accounts token',
      status: 403,
      reason: 'scope_insufficient',
      call: () =>
        tpp1.call(`${apiUrl}/payments`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"amount":{"amount":"10.00","currency":"GBP"}}',
          accessToken: bound.accessToken,
        }),
    },
    {
      what: 'a token of one second, after it',
      status: 401,
      reason: 'token_expired',
      prepare: () => untilEnd(brief),
      call: () =>
        tpp1.rawCall(accounts, { headers: { authorization: `Bearer ${brief.accessToken}` } }),
    },
  ]
}

async function play(
  number: number,
  { what, status, reason, prepare, call }: Scene,
  world: World,
  print: (line: string) => void,
): Promise<boolean> {
  await prepare?.()
  const started = performance.now()
  const reply = await call()
  const ms = Math.round(performance.now() - started)
  const given = await logged(world, reply)
  const good = reply.status === status && given === reason
  const line = `  ${number}  ${reply.status}  ${given.padEnd(20)} ${what.padEnd(38)}${String(ms).padStart(6)} ms`
  print(good ? line : `${line}   expected ${status} ${reason}`)
  return good
}

/** The reason in the gateway's log. The line is written when the response has ended, on its side. */
async function logged(world: World, reply: Reply): Promise<string> {
  const id = reply.headers.get('x-fapi-interaction-id') ?? ''
  for (let turn = 0; turn < 1000; turn++) {
    const reason = world.reasonOf(id)
    if (reason !== undefined) return reason
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return 'not logged'
}

/** Waits until a token has ended by its own `exp`. */
async function untilEnd({ accessToken }: Token): Promise<void> {
  const [, payload = ''] = accessToken.split('.')
  const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const left = exp * 1000 - Date.now()
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
}

/** Writes a token for curl: as a field, so that it does not stand on a command line. */
async function refreshToken({ tpp1, folder, resources }: World): Promise<Token> {
  const token = await tpp1.token({ scope: 'accounts', resource: resources.lasting })
  await writeFile(join(folder, 'token'), `Authorization: Bearer ${token.accessToken}\n`, {
    mode: 0o600,
  })
  return token
}

function introduce(world: World, print: (line: string) => void): void {
  const certs = join(shown(world.folder), 'certs')
  print(`fapi-gateway ${VERSION} demo`.padEnd(58) + 'profile fapi2-security')
  print(`  authorization server  ${world.issuer.padEnd(32)}  oidc-provider, FAPI 2.0`)
  print(`  sample bank API       ${world.bankUrl}`)
  print(`  gateway               ${world.apiUrl.padEnd(32)}  admin ${world.adminUrl}`)
  print(`  certificates          ${certs.padEnd(32)}  made just now, valid 90 days`)
  print('')
}

function invite({ folder, apiUrl, adminUrl }: World, print: (line: string) => void): void {
  const certs = join(shown(folder), 'certs')
  const token = join(shown(folder), 'token')
  const curl = (client: string) => [
    `curl --cacert ${certs}/ca.pem --cert ${certs}/${client}.pem \\`,
    `             --key ${certs}/${client}.key -H @${token} ${apiUrl}/accounts`,
  ]
  print('')
  print(`  try   ${curl('tpp-1').join('\n')}`)
  print(`  steal ${curl('tpp-2').join('\n')}`)
  print(`  see   curl ${adminUrl}/metrics`)
}

function shown(folder: string): string {
  return relative(process.cwd(), folder) || '.'
}

async function untilStopped(world: World): Promise<void> {
  const timer = setInterval(() => void refreshToken(world), REFRESH_SECONDS * 1000)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  clearInterval(timer)
  await world.close()
}
