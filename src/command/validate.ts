/**
 * `fapi-gateway validate`: is this configuration one that the gateway would start with?
 *
 * Nothing is contacted: issuers and upstreams may be out of reach.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import type { Configuration } from '../config/configuration.ts'
import { exitCodeOf, type Format, renderDiagnostics } from '../config/diagnostic-rendering.ts'
import { type Loaded, loadConfiguration, systemPorts } from '../config/load.ts'
import type { Output } from './output.ts'

/** In the place of a file. Its paths are relative to the current folder. */
const STANDARD_INPUT = '-'

export interface ValidateOptions {
  /** `-` is the standard input. */
  readonly files: readonly string[]
  readonly format: Format
  readonly denyWarnings: boolean
}

/** @returns 0, or 78 if a file is not good enough. */
export async function runValidate(options: ValidateOptions, output: Output): Promise<number> {
  const { files, format, denyWarnings } = options
  const loaded = files.map(load)
  const diagnostics = loaded.flatMap((one) => one.diagnostics)
  const sources = new Map(loaded.flatMap((one) => [...one.sources]))
  const rendering = { format, colour: output.colour, denyWarnings }
  const text = renderDiagnostics(diagnostics, sources, rendering).trimEnd()

  if (format === 'text') {
    for (const { configuration } of loaded) {
      if (configuration !== undefined) output.print(summaryOf(configuration))
    }
    if (text !== '') output.error(text)
  } else if (text !== '') {
    output.print(text)
  }
  return exitCodeOf(diagnostics, denyWarnings)
}

function load(file: string): Loaded {
  if (file !== STANDARD_INPUT) return loadConfiguration(file)
  const ports = systemPorts()
  const readFile = (path: string) =>
    path === STANDARD_INPUT ? readFileSync(process.stdin.fd, 'utf8') : ports.readFile(path)
  return loadConfiguration(file, { ...ports, readFile })
}

function summaryOf({ file, routes, profile, hash }: Configuration): string {
  const plural = routes.length === 1 ? '' : 's'
  return `${file}: valid, ${routes.length} route${plural}, profile ${profile}, hash ${hash}`
}
