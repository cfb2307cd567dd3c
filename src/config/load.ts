/**
 * A configuration file, read to its end: everything that is wrong with it is said in one run.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { checkAmbiguity } from './ambiguity.ts'
import { CertificateFiles } from './certificate-file.ts'
import type { Configuration } from './configuration.ts'
import { type Diagnostic, Diagnostics } from './diagnostic.ts'
import type { Sources as SourceLines } from './diagnostic-rendering.ts'
import { type ConfigDocument, parseConfigDocument } from './document.ts'
import { isLoopback, splitAddress } from './endpoint.ts'
import { causeOf } from './file-fault.ts'
import { compileIssuers } from './issuer.ts'
import { compileListeners } from './listener.ts'
import { checkAddresses } from './listening-address.ts'
import { narrow, profileLayer } from './narrowing.ts'
import { loadProfile, type Profile, profileNames } from './profile.ts'
import { ConfigReader, type SchemaNode } from './reading.ts'
import { compileRoutes } from './route.ts'
import { compileJsonSchema, type FileInput, fileSchema } from './schema.ts'
import { withoutSecrets } from './secret-setting.ts'
import type { Sources } from './section.ts'
import { dpopStatements, statementsOf } from './statement.ts'
import { checkStores, compileStores, listOf } from './store.ts'
import { type LoadPorts, redact } from './substitution.ts'
import { suggest } from './suggestion.ts'
import { Upstreams } from './upstream.ts'
import { checkWorkers, compileWorkers } from './workers.ts'

export interface Loaded {
  /** Undefined if there are errors. Warnings do not keep it back. */
  readonly configuration: Configuration | undefined
  /** By position. */
  readonly diagnostics: readonly Diagnostic[]
  /** What the diagnostics point at, secrets blotted out. */
  readonly sources: SourceLines
  /** A text about the configuration, without what references brought into it. */
  redact(text: string): string
}

/** The file system, the environment and the clock of this process. */
export function systemPorts(): LoadPorts {
  return {
    readFile: (path) => readFileSync(path, 'utf8'),
    env: process.env,
    now: Math.floor(Date.now() / 1000),
  }
}

/** Never throws for what is in the file: that is a diagnostic. */
export function loadConfiguration(file: string, ports: LoadPorts = systemPorts()): Loaded {
  const diagnostics = new Diagnostics()
  const text = readText(file, ports, diagnostics)
  if (text === undefined) {
    const sources = new Map()
    return { configuration: undefined, diagnostics: diagnostics.sorted, sources, redact: String }
  }
  const document = parseConfigDocument(file, text, ports, diagnostics)
  const compiled =
    diagnostics.hasErrors && document.value === undefined
      ? undefined
      : compile(document, ports, diagnostics)
  const clean = (said: string) => redact(said, document.secrets)
  return {
    configuration: diagnostics.hasErrors ? undefined : compiled,
    diagnostics: diagnostics.sorted.map(({ message, note, ...rest }) => {
      return { ...rest, message: clean(message), note: note === undefined ? note : clean(note) }
    }),
    sources: new Map([[file, document.lines]]),
    redact: clean,
  }
}

function readText(file: string, ports: LoadPorts, diagnostics: Diagnostics): string | undefined {
  try {
    return ports.readFile(file)
  } catch (error) {
    const position = { file, line: 1, column: 1, length: 1 }
    const message = `${file} cannot be read${causeOf(error, file, file)}`
    diagnostics.error('missing-file', position, message)
    return undefined
  }
}

/** What is returned is only good if nothing was reported. */
function compile(
  document: ConfigDocument,
  ports: LoadPorts,
  diagnostics: Diagnostics,
): Configuration | undefined {
  const reader = new ConfigReader(document, diagnostics, compileJsonSchema() as SchemaNode)
  if (!checkRoot(reader)) return undefined
  const profile = readProfile(reader)
  const files = new CertificateFiles(reader, ports)
  const sources: Sources = { reader, files, profile }
  const plain = readPlain(reader)
  const defaults = reader.read(fileSchema.shape.defaults, ['defaults'])

  const floor = profileLayer(profile)
  const dpop = plain.dpop === undefined ? [] : dpopStatements(plain.dpop, ['dpop'])
  const said = defaults === undefined ? [] : statementsOf(defaults, ['defaults'])
  const above = narrow(
    narrow(floor, dpop, 'dpop', profile, reader),
    said,
    'defaults',
    profile,
    reader,
  )
  const listeners = compileListeners(sources, above)
  const issuers = compileIssuers(sources, floor)
  const upstreams = new Upstreams(sources)
  const routes = compileRoutes({
    sources,
    above,
    defaults: defaults ?? {},
    listeners,
    issuers,
    upstreams,
  })
  checkAmbiguity(routes, diagnostics)
  const stores = compileStores(sources)
  if (plain.dpop !== undefined) {
    const configs = issuers.map(({ config }) => config)
    checkStores(stores, plain.dpop, configs, routes, sources)
  }
  if (plain.admin !== undefined) checkAdmin(plain.admin, reader)
  checkAddresses(reader)

  const { dpop: dpopInput, limits, logging, shutdown, admin, resourceMetadata } = plain
  if (
    plain.workers === undefined ||
    dpopInput === undefined ||
    limits === undefined ||
    logging === undefined ||
    shutdown === undefined ||
    resourceMetadata === undefined
  ) {
    return undefined
  }
  const configuration: Configuration = {
    file: document.file,
    hash: hashOf(document, files),
    profile: profile.name,
    workers: compileWorkers(plain.workers),
    listeners,
    issuers: issuers.map(({ config }) => config),
    upstreams: upstreams.all,
    routes,
    resourceMetadata,
    dpop: {
      nonceRotation: dpopInput.nonce.rotate,
      nonceSecrets: listOf(dpopInput.nonce.secret),
      replayStore: dpopInput.replay.store,
      replayEntries: dpopInput.replay.max_entries,
      proofKeys: dpopInput.proof_keys.max_entries,
    },
    stores,
    limits: {
      headerBytes: limits.headers,
      headerLines: limits.header_lines,
      target: limits.url,
      token: limits.token,
      connections: limits.connections,
      connectionsPerAddress: limits.connections_per_address,
      handshake: limits.handshake,
      headers: limits.header_time,
      request: limits.request,
      idle: limits.idle,
      keepAlive: limits.keep_alive,
      requestsPerConnection: limits.requests_per_connection,
    },
    logging,
    admin: admin === undefined ? undefined : compileAdmin(admin),
    shutdown: { readyOffFor: shutdown.ready_off_for, drain: shutdown.drain },
  }
  checkWorkers(configuration, reader)
  return deepFreeze(configuration)
}

/** The keys of the file itself, so that each of its parts can be judged alone. */
function checkRoot(reader: ConfigReader): boolean {
  const { document, diagnostics } = reader
  if (document.value === undefined || document.value === null) {
    diagnostics.error('missing-key', document.at([]), 'the file is empty')
    return false
  }
  if (typeof document.value !== 'object' || Array.isArray(document.value)) {
    diagnostics.error('wrong-type', document.at([]), 'the file: expected a map of settings')
    return false
  }
  reader.refuseUnknownKeys([], Object.keys(fileSchema.shape))
  reader.readRequired(fileSchema.shape.version, ['version'])
  // The routes are read one by one, later: here it is only asked whether there are any.
  if (reader.elements(['routes']) === 0) reader.readRequired(fileSchema.shape.routes, ['routes'])
  return true
}

/** The profile of the file; where there is none, the one that refuses nothing, to judge the rest by. */
function readProfile(reader: ConfigReader): Profile {
  const { document, diagnostics } = reader
  const name = reader.readRequired(fileSchema.shape.profile, ['profile'])
  const profile = name === undefined ? undefined : loadProfile(name)
  if (name !== undefined && profile === undefined) {
    const names = profileNames()
    const near = suggest(name, names)
    const note = near === undefined ? `there are: ${names.join(' ')}` : `did you mean "${near}"?`
    const message = `there is no profile ${document.show(['profile'])}`
    diagnostics.error('no-such-profile', document.at(['profile']), message, note)
  }
  const judged = profile ?? loadProfile('custom')
  if (judged === undefined) throw new Error('the profile custom is missing')
  return judged
}

/** The parts that stand for themselves. */
function readPlain(reader: ConfigReader) {
  const { workers, dpop, limits, logging, admin, shutdown, resource_metadata } = fileSchema.shape
  return {
    workers: reader.read(workers, ['workers']),
    dpop: reader.read(dpop, ['dpop']),
    limits: reader.read(limits, ['limits']),
    logging: reader.read(logging, ['logging']),
    admin: reader.read(admin, ['admin']),
    shutdown: reader.read(shutdown, ['shutdown']),
    resourceMetadata: reader.read(resource_metadata, ['resource_metadata']),
  }
}

type AdminInput = NonNullable<FileInput['admin']>

function checkAdmin({ address, token }: AdminInput, { document, diagnostics }: ConfigReader): void {
  const split = splitAddress(address)
  const at = document.at(['admin', 'address'])
  if (split === undefined) {
    diagnostics.error('invalid-value', at, 'admin.address: there are 65535 ports')
  } else if (token === undefined && !isLoopback(split.host)) {
    const message = `admin.address: ${document.show(['admin', 'address'])} can be reached by others, and there is no token`
    diagnostics.error('admin-exposed', at, message, 'listen on 127.0.0.1, or set admin.token')
  }
}

function compileAdmin({ address, token }: AdminInput): Configuration['admin'] {
  return { host: '', port: 0, ...splitAddress(address), token }
}

/** What was written, without secrets; and the certificates, whose renewal is a change. */
function hashOf(document: ConfigDocument, files: CertificateFiles): string {
  return createHash('sha256')
    .update(JSON.stringify([withoutSecrets(document.shownValue), files.certificates]))
    .digest('hex')
    .slice(0, 8)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
