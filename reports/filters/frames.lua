-- Wide tables scroll in a frame of their own, which the keyboard reaches; marks of the notebook are taken off.
function Table(table)
  local attributes = { role = "region", tabindex = "0", ["aria-label"] = "Table, scrolls sideways" }
  return pandoc.Div({ table }, pandoc.Attr("", { "frame" }, attributes)), false
end

function Div(div)
  if div.classes:includes("quarto-embed-nb-cell") then
    return div.content -- names the notebook by its place on this machine
  end
  for _, name in ipairs({ "alt", "execution_count" }) do
    div.attributes[name] = nil
  end
  return div
end
