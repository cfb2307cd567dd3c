/**
 * How long an answer is waited for. When a timer ends, the answer may be here and not read yet, since we were
 * busy ourselves: that is not the server's fault.
 *
 * @module
 */

/**
 * @param late Called when so many milliseconds have passed, and what came meanwhile has been read.
 * @returns What puts an end to it.
 */
export function startDeadline(milliseconds: number, late: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined
  const timer = setTimeout(() => {
    immediate = setImmediate(late)
  }, milliseconds)
  return () => {
    clearTimeout(timer)
    clearImmediate(immediate)
  }
}
