export { findAnvil } from './find-anvil.ts'
