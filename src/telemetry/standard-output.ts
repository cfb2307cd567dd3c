/**
 * The process's standard output, for log lines.
 *
 * Lines are gathered and written several at a time: one by one, writing costs as much as deciding.
 *
 * @module
 */

import { type DestinationStream, pino } from 'pino'

/** Characters that wait for whoever reads the log. */
const MOST_WAITING = 1_048_576

/** Characters that are written at once, and milliseconds after which fewer are. */
const BATCH = 65_536
/** The same where other processes write there too: what a pipe takes as one (POSIX, PIPE_BUF). */
const SHARED_BATCH = 4096
const DELAY_MS = 50

/**
 * Opens the standard output. Whoever reads it slowly, or not at all, holds up no request, and what waits
 * for them does not grow without end: lines beyond it are dropped.
 *
 * What waits is written when the process ends. One that is killed takes the lines of the last moment with it.
 *
 * @param dropped Called with their number.
 * @param isShared Whether other processes write there too: then no line comes amid one of theirs.
 */
export function standardOutput(
  dropped: (lines: number) => void,
  isShared = false,
): DestinationStream {
  const batch = isShared ? SHARED_BATCH : BATCH
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    output.write(lines)
    lines = ''
  }
  // Before the output's own, which writes what it has been given.
  process.once('exit', flush)
  const output = pino.destination({
    dest: 1,
    sync: false,
    maxLength: MOST_WAITING,
    maxWrite: isShared ? SHARED_BATCH : 4 * BATCH,
  })
  output.on('drop', (lines: string) => dropped(lines.split('\n').length - 1))
  return {
    write(line) {
      if (isShared && lines.length + line.length > batch) flush()
      lines += line
      if (lines.length >= batch) flush()
      else timer ??= setTimeout(flush, DELAY_MS)
    },
  }
}
