-- What wrk sends: one file for all loads, told by the environment.
local load = os.getenv("LOAD")
local run = os.getenv("RUN")
local count = 0
local ids = {}

if os.getenv("IDS") then
    for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
end

local headers = {
    ["Authorization"] = "Bearer " .. os.getenv("TOKEN"),
    ["Content-Type"] = "application/json",
}

local function lead(n)
    return string.format('{"source":"bench","external_id":"%s-%d","campaign":"autumn","person_name":"Ana Trujillo",'
        .. '"company":"Emparedados %d","email":"%s-%d@example.com","country":"MX",'
        .. '"message":"Please call me about the larger machines"}', run, n, n, run, n)
end

local function post(path, body)
    headers["Idempotency-Key"] = run .. "-" .. count
    return wrk.format("POST", path, headers, body)
end

function request()
    count = count + 1
    if load == "W1" then
        return post("/v1/leads", lead(count))
    elseif load == "B1" then
        local rows = {}
        for row = 1, 1000 do rows[row] = lead(count * 1000 + row) end
        return post("/v1/leads/bulk", '{"leads":[' .. table.concat(rows, ",") .. "]}")
    elseif load == "R1" then
        return wrk.format("GET", "/v1/orders?status=confirmed&limit=100", headers)
    elseif load == "R2" then
        return wrk.format("GET", "/v1/orders/" .. ids[count % #ids + 1], headers)
    end
    headers["If-Match"] = '"v1"'
    return post("/v1/orders/" .. ids[count] .. "/confirm", '{"accept_dates":true,"agreed_by":"Ms Anders"}')
end
