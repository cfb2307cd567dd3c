/**
 * The part of oidc-provider that the demo touches: the package carries no declarations of its own.
 *
 * @module
 */

declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'
  import type { TLSSocket } from 'node:tls'

  export interface ProviderContext {
    readonly socket: TLSSocket
    readonly oidc: { readonly params?: Readonly<Record<string, unknown>> }
  }

  export interface ProviderClient {
    readonly clientId: string
  }

  export interface ProviderToken {
    readonly clientId: string
    readonly scope?: string
    readonly aud?: string
    readonly rar?: unknown
    readonly resourceServer?: { readonly accessTokenTTL?: number }
  }

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    readonly issuer: string
    readonly Client: { find(clientId: string): Promise<ProviderClient | undefined> }
    callback(): RequestListener
    on(event: string, listener: (...facts: unknown[]) => void): this
  }

  export const errors: {
    readonly InvalidTarget: new (description?: string) => Error
  }
}
