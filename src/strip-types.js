/**
 * Lets Node run our TypeScript where we are installed as a package: below node_modules Node leaves types
 * alone, because it expects packages to be built. Elsewhere, and imported twice, it does nothing.
 *
 * Plain JavaScript that old Nodes can parse; those are told elsewhere that they are too old.
 */
import { readFileSync } from 'node:fs';
import module from 'node:module';

if (import.meta.url.includes('/node_modules/') && 'registerHooks' in module) {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {}; // the first call says that it is experimental, at every start
  module.stripTypeScriptTypes('');
  process.emitWarning = emitWarning;
  module.registerHooks({
    load(url, context, next) {
      if (!url.endsWith('.ts')) return next(url, context);
      const source = module.stripTypeScriptTypes(readFileSync(new URL(url), 'utf8'));
      return { format: 'module', shortCircuit: true, source };
    },
  });
}
