/** Errors, drawn from the one table that the server answers by. */
import { ScrollRegion } from '../shell/ScrollRegion.tsx'
import { errorRows } from './error-rows.ts'

const shape = `{ "error": { "message": "what happened, and what to do", "type": "…", "param": null, "code": "…" } }`

export function ErrorTable() {
  return (
    <section className="stack" aria-labelledby="errors">
      <h2 id="errors">Errors</h2>
      <p>
        In OpenAI’s shape, so that its SDKs raise them: <code>{shape}</code>. Once a stream has begun, a failure is its
        last event in the same shape.
      </p>
      <Rows place="api" label="Errors of the API" />
      <details className="disclosure">
        <summary>Between tabs: the router deals with these, and an operator may meet them</summary>
        <Rows place="inside" label="Errors between tabs" />
      </details>
    </section>
  )
}

function Rows({ place, label }: { place: 'api' | 'inside'; label: string }) {
  return (
    <ScrollRegion label={label}>
      <table className="error-table">
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col">HTTP</th>
            <th scope="col">Type</th>
            <th scope="col">Try again?</th>
          </tr>
        </thead>
        <tbody>
          {errorRows(place).map(row => (
            <tr key={row.code}>
              <th scope="row">
                <code>{row.code}</code>
              </th>
              <td>{row.httpStatus}</td>
              <td>
                <code>{row.type}</code>
              </td>
              <td>{row.retry}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  )
}
