/**
 * References to values that stand elsewhere: `${env:NAME}`, `${env:NAME:-default}`, `${file:/path}` and
 * `${cred:name}`, a systemd credential.
 *
 * They are replaced in the values of a parsed file, never in its text, so that no value can change what
 * the file says. `$${` writes a `${` that is meant literally.
 *
 * @module
 */

import { dirname, isAbsolute, join } from 'node:path'
import { causeOf } from './file-fault.ts'

/** What a configuration is read from. Tests hand over their own. */
export interface LoadPorts {
  /** The text of a file. Throws where there is none. */
  readFile(path: string): string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Seconds since the epoch, for the dates of certificates. */
  readonly now: number
}

export interface Substituted {
  readonly text: string
  /** What came from elsewhere, and is not to be shown. */
  readonly secrets: readonly Secret[]
  readonly faults: readonly SubstitutionFault[]
}

export interface Secret {
  readonly value: string
  /** What the file has in its place. */
  readonly reference: string
}

export interface SubstitutionFault {
  readonly id: 'missing-secret' | 'invalid-value'
  readonly message: string
  /** The reference as the file has it, to point at. */
  readonly reference: string
}

const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g
const CREDENTIAL_NAME = /^[A-Za-z0-9_.-]+$/

/** Replaces the references in one value. @param file Relative paths are relative to its folder. */
export function substitute(text: string, file: string, ports: LoadPorts): Substituted {
  if (!text.includes('${')) return { text, secrets: [], faults: [] }
  const faults: SubstitutionFault[] = []
  const secrets: Secret[] = []
  const replaced = text.replace(REFERENCE, (reference: string, inner: string | undefined) => {
    if (inner === undefined) return '${'
    const found = resolve(inner, file, ports)
    if (typeof found !== 'string') {
      faults.push({ ...found, reference })
      return ''
    }
    // A default stands in the file itself.
    if (!inner.endsWith(`:-${found}`)) secrets.push({ value: found, reference })
    return found
  })
  return { text: replaced, secrets, faults }
}

/** Shorter ones are found in ordinary words, and keep nothing secret. */
const SHORTEST_SECRET = 4

/** The text with the references in the place of what they brought in, whatever its case. */
export function redact(text: string, secrets: readonly Secret[]): string {
  return secrets
    .filter(({ value }) => value.length >= SHORTEST_SECRET)
    .toSorted((one, other) => other.value.length - one.value.length)
    .reduce((clean, { value, reference }) => {
      const pattern = new RegExp(value.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gi')
      return clean.replace(pattern, () => reference)
    }, text)
}

type Fault = Omit<SubstitutionFault, 'reference'>

function resolve(inner: string, file: string, ports: LoadPorts): string | Fault {
  const [, kind, argument = ''] = /^(env|file|cred):(.+)$/s.exec(inner) ?? []
  switch (kind) {
    case 'env':
      return readVariable(argument, ports)
    case 'file':
      return readSecret(beside(file, argument), argument, ports)
    case 'cred':
      return readCredential(argument, ports)
    default:
      return {
        id: 'invalid-value',
        message: `\${${inner}} is no reference: there are \${env:NAME}, \${file:/path} and \${cred:name}`,
      }
  }
}

function readVariable(argument: string, { env }: LoadPorts): string | Fault {
  const [, name = '', fallback] = /^([^:]*)(?::-(.*))?$/s.exec(argument) ?? []
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return {
      id: 'invalid-value',
      message: 'an environment variable has a name such as DATABASE_URL',
    }
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  if (value !== undefined && value !== '') return value
  if (fallback !== undefined) return fallback
  return { id: 'missing-secret', message: `the environment variable ${name} is not set` }
}

function readCredential(name: string, ports: LoadPorts): string | Fault {
  const folder = ports.env['CREDENTIALS_DIRECTORY']
  if (!CREDENTIAL_NAME.test(name) || name.startsWith('.')) {
    return { id: 'invalid-value', message: 'a credential is called by its name, without a path' }
  }
  if (folder === undefined) {
    return {
      id: 'missing-secret',
      message: `the credential ${name} cannot be read: CREDENTIALS_DIRECTORY is not set`,
    }
  }
  return readSecret(join(folder, name), name, ports)
}

function readSecret(path: string, shown: string, ports: LoadPorts): string | Fault {
  try {
    return ports.readFile(path).replace(/\r?\n$/, '')
  } catch (error) {
    const message = `the file ${shown} cannot be read${causeOf(error, path, shown)}`
    return { id: 'missing-secret', message }
  }
}

/** A path as it was written in a file: relative ones are relative to that file's folder. */
export function beside(file: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path)
}
