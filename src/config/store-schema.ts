/**
 * `stores`: what several instances share.
 *
 * @module
 */

import { z } from 'zod'
import { count, file, period, secret, secrets, text, url } from './setting.ts'

const username = text().describe('User of its access control list. Default: the default user.')

const sentinelSchema = z
  .strictObject({
    master: text().describe('Name by which the sentinels know the server.'),
    urls: z
      .array(url('rediss://sentinel-1.internal:26379'))
      .min(1)
      .describe('All sentinels. With rediss the servers are called by TLS too.'),
    username: username.optional(),
    password: secret(1).describe('Of that user at the sentinels.').optional(),
  })
  .describe('Sentinels, which say what server is the master now.')

export const redisSchema = z
  .strictObject({
    url: url('rediss://redis.internal:6380')
      .describe('One server: redis, or rediss for TLS; /1 behind it is another database than 0.')
      .optional(),
    sentinel: sentinelSchema.optional(),
    cluster: z
      .array(url('rediss://redis-1.internal:6380'))
      .min(1)
      .describe('Some nodes of a cluster, which name the others.')
      .optional(),
    username: username.optional(),
    password: secret(1)
      .describe('Of that user. Better as ${file:…} or ${env:…} than in this file.')
      .optional(),
    ca: file().describe('PEM file of its CAs. Default: those that Node ships.').optional(),
    cert: file().describe('PEM file of the certificate that the gateway shows.').optional(),
    key: file().describe('PEM file of its private key.').optional(),
    server_name: text()
      .describe(
        'Name that the certificate of each server is for. Default: the host it is called by.',
      )
      .optional(),
    allow_plaintext: z
      .boolean()
      .describe('redis:// to an address that is not loopback. Its answers could be forged there.')
      .default(false),
    key_prefix: z
      .string()
      .regex(/^[A-Za-z0-9:._-]{0,64}$/, 'wants letters, digits and : . _ -, such as fgw:')
      .describe('Before every key. Instances with the same one share what they store.')
      .default('fgw:'),
    timeout: period('5ms', '2s')
      .describe('For one answer. After that: 503 for what needs it.')
      .prefault('50ms'),
    max_in_flight: count(1, 100_000)
      .describe('Commands to one server that wait for an answer. Beyond: 503 for what needs it.')
      .default(1000),
    wait_for_replicas: count(0, 10)
      .describe('Replicas that must have a used proof before its request is let through.')
      .default(0),
    encryption_key: secrets(32)
      .describe(
        'Introspection answers are encrypted with it: with the first of several, and read with each.',
      )
      .optional(),
  })
  .describe('Redis or Valkey: one of url, sentinel and cluster.')

export const storesSchema = z
  .strictObject({ redis: redisSchema.optional() })
  .describe('What several instances share.')

export type RedisInput = z.output<typeof redisSchema>
