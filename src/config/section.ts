/**
 * What compiling one part of a file needs of the rest.
 *
 * @module
 */

import type { z } from 'zod'
import type { CertificateFiles } from './certificate-file.ts'
import type { Path } from './document.ts'
import type { Profile } from './profile.ts'
import { type ConfigReader, nameOf } from './reading.ts'
import { name } from './setting.ts'

export interface Sources {
  readonly reader: ConfigReader
  readonly files: CertificateFiles
  readonly profile: Profile
}

export interface Entry<T> {
  readonly id: string
  readonly path: Path
  readonly input: T
}

/** The entries of a map that hold; what is wrong with the others has been said. */
export function readEntries<S extends z.ZodType>(
  { reader }: Sources,
  section: string,
  schema: S,
): Entry<z.output<S>>[] {
  return reader.keys([section]).flatMap((id) => {
    const path = [section, id]
    const named = name().safeParse(id)
    if (!named.success) {
      const message = `${nameOf(path)}: ${named.error.issues[0]?.message}`
      reader.diagnostics.error('invalid-value', reader.document.key(path), message)
    }
    const input = reader.read(schema, path)
    return input === undefined ? [] : [{ id, path, input }]
  })
}
