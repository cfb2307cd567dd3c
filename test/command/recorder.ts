import { readFileSync } from 'node:fs'
import type { Output } from '../../src/command/output.ts'

/** An output that remembers what was written. */
export interface Recorder extends Output {
  readonly printed: string[]
  readonly errors: string[]
}

export function createRecorder(colour = false): Recorder {
  const printed: string[] = []
  const errors: string[] = []
  return {
    printed,
    errors,
    colour,
    print: (text) => void printed.push(text),
    error: (text) => void errors.push(text),
  }
}

/** Text of a file of the repository. */
export function repositoryFile(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
}
