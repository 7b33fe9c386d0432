/** One line each of curl, Python and TypeScript against an origin; pure, so that a test can run what is shown. */
export interface Snippet {
  readonly language: string
  readonly before: string
  readonly code: string
}

const ask = 'What is ComputePool?'

export interface SnippetFacts {
  readonly baseUrl: string
  readonly model: string
  /** What stands where the key goes; absent where any text will do. */
  readonly apiKey?: string
}

export function snippetsFor({ baseUrl, model, apiKey }: SnippetFacts): Snippet[] {
  const key = apiKey ?? 'none'
  const bearer = apiKey === undefined ? '' : ` -H 'authorization: Bearer ${apiKey}'`
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: ask }], stream: true })
  const m = JSON.stringify(model)
  const url = JSON.stringify(baseUrl)
  return [
    {
      language: 'curl',
      before: '',
      code: `curl -N ${baseUrl}/chat/completions -H 'content-type: application/json'${bearer} -d '${body.replaceAll("'", "'\\''")}'`,
    },
    {
      language: 'Python',
      before: 'pip install openai',
      code: `from openai import OpenAI; print(OpenAI(base_url=${url}, api_key="${key}").chat.completions.create(model=${m}, messages=[{"role": "user", "content": "${ask}"}]).choices[0].message.content)`,
    },
    {
      language: 'TypeScript',
      before: 'npm install openai',
      code: `import OpenAI from 'openai'; for await (const chunk of await new OpenAI({ baseURL: ${url}, apiKey: '${key}' }).chat.completions.create({ model: ${m}, messages: [{ role: 'user', content: '${ask}' }], stream: true })) process.stdout.write(chunk.choices[0]?.delta?.content ?? '')`,
    },
  ]
}
