/**
 * Preloaded into the gateway of a soak: on SIGUSR2 it collects garbage and writes down what is left.
 *
 * @module
 */

process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const kinds = process.getActiveResourcesInfo()
  const timers = kinds.filter((kind) => kind === 'Timeout' || kind === 'Immediate').length
  process.stdout.write(`${JSON.stringify({ msg: 'probe', heapUsed, external, timers })}\n`)
})
