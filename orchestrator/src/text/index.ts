export { type ChatMessage, type ChatTemplate, compileChatTemplate } from './chat-template.ts'
export { createDetokeniser, type Detokeniser, type TextDelta } from './detokenise.ts'
export { createTextCodec, type TextCodec, type TextCodecFiles } from './text-codec.ts'
