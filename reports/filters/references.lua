-- For Pandoc alone, what Quarto does itself: numbers of sections, figures and tables, and references to them.
local NAMES = { sec = "Section", fig = "Figure", tbl = "Table" }
local BLANK = "\u{a0}"
local number = {} -- identifier -> "3" or "2.1"
local counts = { fig = 0, tbl = 0 }

local function kind_of(identifier)
  local kind = identifier:match("^(%a+)%-")
  return NAMES[kind] and kind
end

local function count(identifier)
  local kind = kind_of(identifier)
  counts[kind] = counts[kind] + 1
  number[identifier] = tostring(counts[kind])
end

local function count_sections(blocks)
  local base, counters = 6, {}
  blocks:walk({ Header = function(header) base = math.min(base, header.level) end })
  blocks:walk({
    Header = function(header)
      if header.classes:includes("unnumbered") then return nil end
      local depth = header.level - base + 1
      for level = depth + 1, 6 do counters[level] = 0 end
      for level = 1, depth do counters[level] = counters[level] or 0 end
      counters[depth] = counters[depth] + 1
      number[header.identifier] = table.concat(counters, ".", 1, depth)
    end,
  })
end

-- "Figure 3. " before a caption.
local function headed(identifier, inlines)
  local kind = kind_of(identifier)
  inlines:insert(1, pandoc.Str(NAMES[kind] .. BLANK .. number[identifier] .. ". "))
  return inlines
end

local function figure(element)
  if kind_of(element.identifier) ~= "fig" then return nil end
  count(element.identifier)
  local caption = element.caption.long
  caption[1] = pandoc.Plain(headed(element.identifier, caption[1].content))
  element.caption.long = caption
  return element
end

-- A table is a figure whose caption stands above it.
local function figure_of_table(identifier, caption, blocks)
  count(identifier)
  local content = pandoc.Blocks({ pandoc.RawBlock("html", "<figure>\n<figcaption>") })
  content:insert(pandoc.Plain(headed(identifier, caption)))
  content:insert(pandoc.RawBlock("html", "</figcaption>"))
  content:extend(blocks)
  content:insert(pandoc.RawBlock("html", "</figure>"))
  return pandoc.Div(content, pandoc.Attr(identifier))
end

local function table_in_div(div)
  if kind_of(div.identifier) ~= "tbl" then return nil end
  local blocks = div.content
  local caption = blocks:remove(#blocks)
  return figure_of_table(div.identifier, caption.content, blocks)
end

local function table_alone(element)
  if kind_of(element.identifier) ~= "tbl" then return nil end
  local identifier, caption = element.identifier, element.caption.long[1].content
  element.identifier, element.caption = "", { long = {} }
  return figure_of_table(identifier, caption, { element })
end

local function picture(element)
  local alt = element.attributes["fig-alt"]
  if not alt then return nil end
  element.attributes["fig-alt"] = nil
  element.attributes.alt = alt
  return element
end

local function reference(citation)
  local target = citation.id
  if not number[target] then return pandoc.Strong("?@" .. target) end
  local name = NAMES[kind_of(target)] .. BLANK
  if citation.mode == "SuppressAuthor" then name = "" end
  return pandoc.Link(name .. number[target], "#" .. target, "", pandoc.Attr("", { "quarto-xref" }))
end

local function cite(element)
  if not kind_of(element.citations[1].id) then return nil end
  local inlines = pandoc.Inlines({})
  for i, citation in ipairs(element.citations) do
    if i > 1 then inlines:extend({ pandoc.Str(","), pandoc.Space() }) end
    inlines:insert(reference(citation))
  end
  return inlines
end

function Pandoc(document)
  count_sections(document.blocks)
  local numbered = document.blocks:walk({ traverse = "topdown", Figure = figure, Div = table_in_div, Table = table_alone })
  return pandoc.Pandoc(numbered:walk({ Cite = cite, Image = picture }), document.meta)
end
