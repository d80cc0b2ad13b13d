-- Counts on Redis. The same rules as in buckets.py, windows.py and slots.py, step by step, in the same order.
--
-- KEYS: one for each ask. ARGV: the time in seconds, or nothing for that of the server; the orders, packed.
-- An order is a verb, the number of its asks, a time, a token; an ask is the letter of a rule, whether it is
-- binding, its cost, and two numbers of the rule. The reply: the time, then for each order 1 (done), 0 (refused)
-- or 2 (broken), and of each ask to take whether it is allowed, what is left, when there is more, how long to wait.

local almost = 1e-6
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local pack, unpack, call = struct.pack, struct.unpack, redis.call
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] + time[2] / 1000000
end

-- The numbers of a state; nothing for what none of us can have written.
local function get(key, form)
  local value = call('GET', key)
  if not value or #value ~= 8 * (#form - 1) then return end
  local one, two, three = unpack(form, value)
  if one - one == 0 and two - two == 0 and (not three or three - three == 0) then return one, two, three end
end

-- More milliseconds than these, in 30,000 years, and Lua would write them in a way that Redis does not read.
local function millis(seconds) return min(max(1, ceil(seconds * 1000)), 1e15) end

local function put(key, value, seconds) call('SET', key, value, 'PX', millis(seconds)) end

local function exact(number) return string.format('%.17g', number) end

-- A run uses one or two of the rules, and to make functions takes time: each family is made when it is needed.
local families = {}
local rules = setmetatable({}, {__index = function(made, code)
  local family = families[code]()
  made[code] = family
  return family
end})

-- Token bucket: capacity, rate. The state: level, when.
function families.T()
  local T = {}
  local function leaked(key, rate)
    local level, at = get(key, '<dd')
    if not level then return 0, now end
    if now > at then return max(0, level - (now - at) * rate), now end
    return level, at
  end
  local function keep(key, level, at, rate)
    if level > 0 then put(key, pack('<dd', level, at), at - now + level / rate) else call('DEL', key) end
  end
  function T.take(key, cost, capacity, rate)
    local level, at = leaked(key, rate)
    local room = capacity - level
    if cost > room + almost then
      local left = room > 0 and floor(room + almost) or 0
      return 0, left, level > almost and (left + 1 - room) / rate or 0, (cost - room) / rate
    end
    level = level + cost
    room = room - cost
    local left = max(0, floor(room + almost))
    return 1, left, level > almost and (left + 1 - room) / rate or 0, 0, level, at
  end
  function T.commit(key, cost, capacity, rate, token, level, at) keep(key, level, at, rate) end
  function T.charge(key, cost, capacity, rate)
    local level, at = leaked(key, rate)
    keep(key, level + cost, at, rate)
  end
  function T.refund(key, cost, capacity, rate, token, since)
    if call('EXISTS', key) == 0 then return end
    local level, at = leaked(key, rate)
    keep(key, max(0, level - max(0, cost - max(0, at - since) * rate)), at, rate)
  end
  return T
end

-- Leaky bucket: interval, longest delay. The state: when it is free.
function families.L()
  local L = {}
  local function free(key)
    return max(now, get(key, '<d') or now)
  end
  function L.take(key, cost, interval, delay)
    local at = free(key)
    local wait = at - now > almost and at - now or 0
    if wait > delay + almost then return 0, 0, wait - delay, wait - delay end
    local after = at + cost * interval
    local left = max(0, floor((delay - (after - now) + almost) / interval) + 1)
    if after - now <= almost or left * interval > delay + almost then return 1, left, 0, wait, after end
    return 1, left, after - now - delay + left * interval, wait, after
  end
  function L.commit(key, cost, interval, delay, token, after) put(key, pack('<d', after), after - now) end
  function L.charge(key, cost, interval, delay)
    L.commit(key, cost, interval, delay, '', free(key) + cost * interval)
  end
  function L.refund(key, cost, interval, delay, token, since)
    local at = get(key, '<d')
    if at and delay == 0 then
      local back = max(0, cost * interval - max(0, now - since))
      L.commit(key, cost, interval, delay, '', max(now, at - back))
    end
  end
  return L
end

-- Fixed window: limit, window. The state: begin, used.
function families.F()
  local F = {}
  local function current(key, window)
    local start, used = get(key, '<dd')
    if not start or now - start >= window - almost then return now, 0 end
    return min(start, now), used
  end
  function F.take(key, cost, limit, window)
    local start, used = current(key, window)
    local ends = start + window - now
    if used + cost > limit then return 0, floor(max(0, limit - used)), used > 0 and ends or 0, ends end
    used = used + cost
    return 1, floor(limit - used), used > 0 and ends or 0, 0, start, used
  end
  function F.commit(key, cost, limit, window, token, start, used)
    put(key, pack('<dd', start, used), start + window - now)
  end
  function F.charge(key, cost, limit, window)
    local start, used = current(key, window)
    F.commit(key, cost, limit, window, '', start, used + cost)
  end
  function F.refund(key, cost, limit, window, token, since)
    local start, used = get(key, '<dd')
    if start and start <= since then F.commit(key, cost, limit, window, '', start, max(0, used - cost)) end
  end
  return F
end

-- Sliding window: limit, window. The state: begin, used, used before.
function families.S()
  local S = {}
  local function slid(key, window)
    local start, used, before = get(key, '<ddd')
    if not start then return now, 0, 0 end
    local passed = floor((now - start + almost) / window)
    if passed <= 0 then return min(start, now), used, before end
    if passed == 1 then return min(start + window, now), 0, used end
    return now, 0, 0
  end
  local function till(limit, window, start, used, before, cost)
    local spare = limit - used - cost
    if before ~= 0 and spare >= 0 then return max(0, start + window * (1 - spare / before) - now) end
    local ends = start + window - now
    if used ~= 0 and cost <= limit then return ends + window * max(0, 1 - (limit - cost) / used) end
    return ends + window
  end
  function S.take(key, cost, limit, window)
    local start, used, before = slid(key, window)
    local counted = before * (1 - (now - start) / window) + used
    if counted + cost > limit + almost then
      local left = floor(max(0, limit - counted + almost))
      local more = left < limit and till(limit, window, start, used, before, left + 1) or 0
      return 0, left, more, till(limit, window, start, used, before, cost)
    end
    used = used + cost
    local left = floor(limit - counted - cost + almost)
    local more = left < limit and till(limit, window, start, used, before, left + 1) or 0
    return 1, left, more, 0, start, used, before
  end
  function S.commit(key, cost, limit, window, token, start, used, before)
    put(key, pack('<ddd', start, used, before), start + 2 * window - now)
  end
  function S.charge(key, cost, limit, window)
    local start, used, before = slid(key, window)
    S.commit(key, cost, limit, window, '', start, used + cost, before)
  end
  function S.refund(key, cost, limit, window, token, since)
    local start, used, before = get(key, '<ddd')
    if not start then return end
    if start <= since then used = max(0, used - cost)
    elseif start - window <= since + almost then before = max(0, before - cost) end
    S.commit(key, cost, limit, window, '', start, used, before)
  end
  return S
end

-- Log: limit, window. An entry for each unit, its score the time.
function families.G()
  local G = {}
  function G.counted(key, window)
    call('ZREMRANGEBYSCORE', key, '-inf', exact(now - window + almost))
    return call('ZCARD', key)
  end
  local function ends(key, window, place, size)
    if size == 0 then return window end
    place = min(place, size) - 1
    return call('ZRANGE', key, place, place, 'WITHSCORES')[2] + window - now
  end
  local function enter(key, cost, window, token)
    for unit = 1, cost do call('ZADD', key, exact(now), token .. ':' .. unit) end
    if cost > 0 then call('PEXPIRE', key, millis(window)) end
  end
  function G.take(key, cost, limit, window)
    local size = G.counted(key, window)
    local over = size + cost - limit
    if over > 0 then
      local left = max(0, limit - size)
      local more = size > 0 and ends(key, window, max(1, size + 1 - limit + left), size) or 0
      return 0, left, more, ends(key, window, over, size)
    end
    local fresh = now + window - now
    local oldest = size > 0 and ends(key, window, 1, size) or fresh
    if cost > 0 then oldest = min(oldest, fresh) end
    return 1, limit - size - cost, size + cost > 0 and oldest or 0, 0
  end
  function G.commit(key, cost, limit, window, token) enter(key, cost, window, token) end
  function G.charge(key, cost, limit, window, token)
    G.counted(key, window)
    enter(key, min(cost, 10000), window, token)
  end
  function G.refund(key, cost, limit, window, token)
    for unit = 1, cost do call('ZREM', key, token .. ':' .. unit) end
  end
  return G
end

-- Slots: limit, lease. An entry for each slot, its score when it was lent.
function families.C()
  local G = rules.G
  local C = {commit = G.commit, charge = G.charge, refund = G.refund}
  function C.take(key, cost, limit, lease)
    local lent = G.counted(key, lease)
    if lent + cost > limit then return 0, max(0, limit - lent), 0, 1 end
    return 1, limit - lent - cost, 0, 0
  end
  function C.renew(key, cost, limit, lease, token)
    local lent = G.counted(key, lease)
    for unit = 1, cost do
      local slot = token .. ':' .. unit
      if call('ZSCORE', key, slot) then
        call('ZADD', key, exact(now), slot)
      elseif lent < limit then
        call('ZADD', key, exact(now), slot)
        lent = lent + 1
      end
    end
    call('PEXPIRE', key, millis(lease))
  end
  return C
end

local acts = {C = 'charge', R = 'refund', N = 'renew'}
local data, place, number = ARGV[2], 1, 0
local replies = {pack('<d', now)}

-- Nearly every order: to take of one key.
local function take_one(rule, binding, key, cost, one, two, token)
  local yes, left, more, wait, a, b, c = rule.take(key, cost, one, two)
  if yes == 1 then rule.commit(key, cost, one, two, token, a, b, c) end
  return pack('<BBddd', (yes == 1 or binding == 0) and 1 or 0, yes, left, more, wait)
end

local function take(asks, token)
  local allowed, parts = 1, {}
  for index, ask in ipairs(asks) do
    local yes, left, more, wait, a, b, c = rules[ask.code].take(ask.key, ask.cost, ask.one, ask.two)
    if yes == 0 and ask.binding == 1 then allowed = 0 end
    ask.yes, ask.a, ask.b, ask.c = yes, a, b, c
    parts[index] = pack('<Bddd', yes, left, more, wait)
  end
  if allowed == 1 then
    for _, ask in ipairs(asks) do
      if ask.yes == 1 then
        rules[ask.code].commit(ask.key, ask.cost, ask.one, ask.two, token, ask.a, ask.b, ask.c)
      end
    end
  end
  return pack('<B', allowed) .. table.concat(parts)
end

local function act(verb, asks, at, token)
  if verb == 'T' then return take(asks, token) end
  for _, ask in ipairs(asks) do
    if verb == 'F' then
      call('DEL', ask.key)
    elseif verb ~= 'N' or ask.code == 'C' then
      rules[ask.code][acts[verb]](ask.key, ask.cost, ask.one, ask.two, token, at)
    end
  end
  return pack('<B', 1)
end

while place <= #data do
  local verb, count, at, token, done, reply
  verb, count, at, token, place = unpack('<c1Bdc8', data, place)
  if verb == 'T' and count == 1 then
    local code, binding, cost, one, two
    code, binding, cost, one, two, place = unpack('<c1Bddd', data, place)
    done, reply = pcall(take_one, rules[code], binding, KEYS[number + 1], cost, one, two, token)
  else
    local asks = {}
    for index = 1, count do
      local ask = {key = KEYS[number + index]}
      ask.code, ask.binding, ask.cost, ask.one, ask.two, place = unpack('<c1Bddd', data, place)
      asks[index] = ask
    end
    done, reply = pcall(act, verb, asks, at, token)
  end
  number = number + count
  replies[#replies + 1] = done and reply or pack('<B', 2)
end
return table.concat(replies)
