/**
 * `listen` and `listeners`: where clients connect.
 *
 * @module
 */

import { z } from 'zod'
import { transport } from '../check/transport.ts'
import { address, file, text, url } from './setting.ts'

const VERIFY = ['off', 'request', 'optional', 'required'] as const

const clientCertificate = z
  .strictObject({
    verify: z
      .enum(VERIFY)
      .describe(
        'off: not asked for. request: asked for, and any is taken (self-signed ones, pinned by the token). optional: asked for, and taken with a chain to the CAs only. required: no connection without. Default: optional with a CA, off without.',
      )
      .optional(),
    ca: file().describe("PEM file of the CAs of the clients' certificates.").optional(),
  })
  .describe("Clients' certificates (RFC 8705).")

const certificate = z.strictObject({
  cert: file().describe('PEM file: the certificate, then its chain.'),
  key: file().describe('PEM file of its private key.'),
  names: z
    .array(text())
    .min(1)
    .describe('Host names it is shown for; *.example covers one label. Default: all the rest.')
    .optional(),
  client_certificate: clientCertificate.optional(),
})

const publicUrls = {
  public_url: url('https://api.bank.example')
    .describe(
      'What clients call: scheme, host, port if it is not 443, and a path if there is one. The htu of proofs is compared with it.',
    )
    .optional(),
  public_urls: z
    .array(url('https://api.bank.example'))
    .min(1)
    .describe('The same, where there are several.')
    .optional(),
}

const minVersion = transport.policy.shape.min_version.describe(
  'Lowest version of TLS; not below that of the profile.',
)

/** RFC 9113 §3.2, RFC 9112: by their ALPN identifiers. */
const PROTOCOLS = ['h2', 'http/1.1'] as const

const alpn = z
  .array(z.enum(PROTOCOLS))
  .min(1)
  .refine((names) => new Set(names).size === names.length, 'wants each protocol once')
  .meta({ uniqueItems: true })
  .describe(
    'What is spoken, the preferred first: h2 is HTTP/2, http/1.1 the rest. Clients that name no protocol get http/1.1, where it is there. Default: [http/1.1].',
  )

export const listenSchema = z
  .strictObject({
    address: address().describe('Address and port to listen on.'),
    ...publicUrls,
    certificate: file().describe('PEM file: the certificate of the server, then its chain.'),
    key: file().describe('PEM file of its private key.'),
    client_ca: file()
      .describe("PEM file of the CAs of the clients' certificates: asks clients for one.")
      .optional(),
    client_certificate: clientCertificate.optional(),
    min_version: minVersion.optional(),
    alpn: alpn.optional(),
  })
  .describe('The one listener. Where there are several, or several certificates: listeners.')

export const listenerSchema = z.strictObject({
  address: address().describe('Address and port to listen on.'),
  ...publicUrls,
  tls: z
    .strictObject({
      certificates: z
        .array(certificate)
        .min(1)
        .describe('Chosen by the name that clients ask for.'),
      min_version: minVersion.optional(),
      alpn: alpn.optional(),
    })
    .describe('TLS towards clients. Cipher suites are those of the profile.'),
  client_certificate: clientCertificate.optional(),
})

/** Both forms of a listener, in the long one. */
export type ListenerInput = z.output<typeof listenerSchema>
export type ListenInput = z.output<typeof listenSchema>
export type ClientCertificateInput = z.output<typeof clientCertificate>
