/**
 * A configuration from the disk.
 *
 * @module
 */

import { renderDiagnostics } from '../config/diagnostic-rendering.ts'
import { type Loaded, loadConfiguration, systemPorts } from '../config/load.ts'

export interface LoadedFile extends Loaded {
  /** Everything that is to be said about the file, for a person; empty if there is nothing. */
  readonly text: string
}

/** @param colour Whether the text is for a terminal that shows colours. */
export function loadFromDisk(file: string, colour = false): LoadedFile {
  const loaded = loadConfiguration(file, systemPorts())
  const rendering = { format: 'text', colour, denyWarnings: false } as const
  return { ...loaded, text: renderDiagnostics(loaded.diagnostics, loaded.sources, rendering) }
}
