export { type OpenAiError, type OpenAiErrorBody, openAiErrorOf } from './error-body.ts'
export { parseChatCompletion, parseCompletion } from './parse-request.ts'
export {
  type ChatCompletionBody,
  type ChatMessageBody,
  type CompletionBody,
  chatCompletionSchema,
  chatMessageSchema,
  completionSchema,
} from './request-schemas.ts'
export { type SamplingContext, samplingOf, stopStringsOf } from './sampling-of.ts'
