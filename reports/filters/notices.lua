-- Callouts (::: {.callout-note}) as plain boxes with a heading line, so that both renderers draw the same one.
local function kind_of(div)
  for _, class in ipairs(div.classes) do
    local kind = class:match("^callout%-(%a+)$")
    if kind then return kind end
  end
end

function Div(div)
  local kind = kind_of(div)
  if not kind then return nil end
  local blocks = div.content
  local title = { pandoc.Str(div.attributes.title or (kind:sub(1, 1):upper() .. kind:sub(2))) }
  if blocks[1] and blocks[1].t == "Header" then
    title = blocks:remove(1).content
  end
  blocks:insert(1, pandoc.Para({ pandoc.Strong(title) }))
  return pandoc.Div(blocks, pandoc.Attr(div.identifier, { "notice", kind }))
end
