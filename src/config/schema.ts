/**
 * The language of gateway.yaml. Its types, its errors, config/gateway.schema.json and config/REFERENCE.md
 * all come from here and from the policies of the checks.
 *
 * @module
 */

import { z } from 'zod'
import { dpopFreshness } from '../check/dpop-freshness.ts'
import { dpopProof } from '../check/dpop-proof.ts'
import { issuerSchema } from './issuer-schema.ts'
import { listenerSchema, listenSchema } from './listener-schema.ts'
import { defaultsSchema, routeSchema } from './route-schema.ts'
import { address, bytes, count, file, name, period, secret, secrets, text, url } from './setting.ts'
import { storesSchema } from './store-schema.ts'
import { workersSchema } from './workers.ts'

export const upstreamSchema = z.strictObject({
  url: url('https://core.internal:9443').describe(
    'Scheme, host, port, and a path to put before that of the request.',
  ),
  ca: file().describe('PEM file of its CAs. Default: those that Node ships.').optional(),
  cert: file().describe('PEM file of the certificate that the gateway shows.').optional(),
  key: file().describe('PEM file of its private key.').optional(),
  server_name: text()
    .describe('Name to ask for and to verify. Default: the host of the URL.')
    .optional(),
  allow_plaintext: z
    .boolean()
    .describe(
      'Plain http to an address that is not loopback. What is sent can be read and changed.',
    )
    .default(false),
  pool: z
    .strictObject({
      connections: count(1, 10_000).describe('Most connections at a time.').default(64),
      keep_alive: period('1s', '10m')
        .describe('How long an idle connection is kept.')
        .prefault('30s'),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      connect: period('100ms', '1m').describe('TCP and TLS. After that: 504.').prefault('3s'),
      response_headers: period('100ms', '10m')
        .describe('Until the response begins. After that: 504.')
        .prefault('15s'),
      idle_body: period('100ms', '10m')
        .describe('Between two parts of a response.')
        .prefault('30s'),
      whole: period('100ms', '1d')
        .describe('Until the response is whole, however it trickles. Default: not limited.')
        .optional(),
    })
    .prefault({}),
})

const dpopSchema = z
  .strictObject({
    algorithms: dpopProof.policy.shape.algorithms
      .describe('Short for dpop_proof.algorithms.')
      .optional(),
    proof_max_age: dpopFreshness.policy.shape.proof_max_age
      .describe('Short for dpop_freshness.proof_max_age.')
      .optional(),
    future_skew: dpopFreshness.policy.shape.future_skew
      .describe('Short for dpop_freshness.future_skew.')
      .optional(),
    nonce: z
      .strictObject({
        mode: dpopFreshness.policy.shape.nonce
          .describe('Short for dpop_freshness.nonce.')
          .optional(),
        rotate: period('10s', '1h')
          .describe('When a new nonce is given out; the previous one stays good as long.')
          .prefault('1m'),
        secret: secrets(32)
          .describe(
            "Nonces are derived from it, so instances with the same secret accept each other's: from the first of several, and those of each are accepted. Default: made at start.",
          )
          .optional(),
      })
      .prefault({}),
    replay: z
      .strictObject({
        store: z
          .enum(['memory', 'redis'])
          .describe(
            'Where used proofs are remembered. memory: of this process alone. redis: stores.redis, which all instances share.',
          )
          .default('memory'),
        on_unavailable: z
          .literal('deny')
          .describe('What happens to a proof that cannot be remembered: 503, and nothing else.')
          .default('deny'),
        max_entries: count(1000, 100_000_000)
          .describe(
            'Proofs that are remembered in memory. When it is full, proofs are answered with 503.',
          )
          .default(1_000_000),
      })
      .prefault({}),
    proof_keys: z
      .strictObject({
        max_entries: count(1, 1_000_000)
          .describe(
            'Keys of clients that are kept imported, some 3 KB each: about as many as call.',
          )
          .default(10_000),
      })
      .prefault({}),
  })
  .describe('DPoP (RFC 9449), for every route.')

const limitsSchema = z
  .strictObject({
    headers: bytes('1KiB', '1MiB').describe('Header section of a request.').prefault('16KiB'),
    header_lines: count(10, 1000).describe('Lines in it.').default(100),
    url: bytes('256B', '64KiB').describe('Request target.').prefault('8KiB'),
    token: bytes('256B', '16KiB').describe('Access token.').prefault('8KiB'),
    connections: count(1, 1_000_000).describe('Connections of one listener.').default(10_000),
    connections_per_address: count(1, 1_000_000)
      .describe('Of these, from one address; loopback is not counted.')
      .default(200),
    handshake: period('1s', '2m').describe('Of a TLS connection.').prefault('10s'),
    header_time: period('1s', '2m').describe('Until the header section has come.').prefault('10s'),
    request: period('1s', '1h').describe('Until the whole request has come.').prefault('30s'),
    idle: period('1s', '1h')
      .describe('Between two parts of a request or response, or of what travels in a WebSocket.')
      .prefault('30s'),
    keep_alive: period('1s', '1h')
      .describe('Between two requests of a connection.')
      .prefault('60s'),
    requests_per_connection: count(1, 1_000_000)
      .describe('After that the connection is closed.')
      .default(1000),
  })
  .describe('What clients may take.')

export const fileSchema = z
  .strictObject({
    version: z.literal(1, 'this program reads version 1').describe('Of this language.'),
    profile: text().describe('A file of config/profiles: the floor below which no setting goes.'),
    workers: workersSchema,
    listen: listenSchema.optional(),
    listeners: z.record(name(), listenerSchema).describe('Where clients connect.').optional(),
    issuers: z.record(name(), issuerSchema).describe('Whose tokens are accepted.').default({}),
    upstreams: z.record(name(), upstreamSchema).describe('Where requests go.').default({}),
    defaults: defaultsSchema.prefault({}),
    routes: z
      .array(routeSchema)
      .min(1)
      .describe('The most specific one decides; their order has no meaning.'),
    dpop: dpopSchema.prefault({}),
    stores: storesSchema.prefault({}),
    limits: limitsSchema.prefault({}),
    logging: z
      .strictObject({
        level: z
          .enum(['debug', 'info', 'warn', 'error', 'silent'])
          .describe('Least weight of what is logged.')
          .default('info'),
        access: z.boolean().describe('A line for every request.').default(true),
      })
      .prefault({}),
    admin: z
      .strictObject({
        address: address().describe('Loopback, or a token is needed.'),
        token: secret(16).describe('Bearer token of the administration port.').optional(),
      })
      .describe('/healthz, /readyz and /metrics.')
      .optional(),
    resource_metadata: z
      .boolean()
      .describe('Publish the metadata of the resource (RFC 9728), and name it in challenges.')
      .default(false),
    shutdown: z
      .strictObject({
        ready_off_for: period('0s', '5m')
          .describe('How long /readyz says no before connections are refused.')
          .prefault('5s'),
        drain: period('0s', '1h').describe('How long requests under way may take.').prefault('25s'),
      })
      .prefault({}),
  })
  .describe('Configuration of fapi-gateway.')

export type FileInput = z.output<typeof fileSchema>
export type UpstreamInput = z.output<typeof upstreamSchema>

/** The JSON Schema (draft 2020-12) of what may be written, short forms included. */
export function compileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(fileSchema, { io: 'input', target: 'draft-2020-12' }) as Record<
    string,
    unknown
  >
}
