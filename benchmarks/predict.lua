-- wrk -s predict.lua URL -- BODY FIRST: posts the file BODY again and again, each @ID@ in it replaced by a fresh number
-- from FIRST on, and prints what came of it as one line of JSON (times in milliseconds).

local parts, next_id

function init(args)
    local file = assert(io.open(args[1], "rb"))
    local body = file:read("*a")
    file:close()
    next_id = tonumber(args[2])
    parts = {}
    local from = 1
    while true do
        local first, last = body:find('"@ID@"', from, true)
        parts[#parts + 1] = body:sub(from, (first or 0) - 1)
        if not first then break end
        parts[#parts + 1] = ""
        from = last + 1
    end
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    for place = 2, #parts - 1, 2 do
        parts[place] = string.format("%d", next_id)
        next_id = next_id + 1
    end
    return wrk.format(nil, nil, nil, table.concat(parts))
end

function done(summary, latency)
    local failed = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "bytes": %d, "p50": %.3f, "p99": %.3f, "failed": %d}\n',
        summary.requests, summary.duration / 1e6, summary.bytes,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        failed.connect + failed.read + failed.write + failed.status + failed.timeout
    ))
end
