// Prints a Parquet file as JSON: the columns, and the rows as hyparquet gives them; a BigInt as
// {"bigint": "1"}.
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'

const file = await asyncBufferFromFile(process.argv[2])
const names = parquetSchema(await parquetMetadataAsync(file)).children.map(c => c.element.name)
const rows = await parquetReadObjects({ file })
const plain = (_, value) =>
  typeof value === 'bigint' ? { bigint: String(value) }
    : ArrayBuffer.isView(value) ? Array.from(value) : value
console.log(JSON.stringify({ names, rows }, plain))
