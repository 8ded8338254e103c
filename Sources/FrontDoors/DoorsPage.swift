import DataPlane
import HTTP

/// The page behind a plain `localhost` when there is no single distribution.
enum DoorsPage {
    static func response(_ entries: [FrontDoorTable.Entry], isTLS: Bool, port: Int) -> Response {
        let scheme = isTLS ? "https" : "http"
        let suffix = port == (isTLS ? 443 : 80) ? "" : ":\(port)"
        var rows = ""
        for entry in entries {
            for name in entry.names {
                let text = escaped(name)
                let link =
                    name.hasPrefix("*")
                    ? text : "<a href=\"\(scheme)://\(text)\(suffix)/\">\(text)</a>"
                rows += "<tr><td>\(escaped(entry.title))</td><td>\(link)</td></tr>\n"
            }
        }
        let content =
            rows.isEmpty
            ? "<p>Nothing is deployed yet.</p>" : "<table>\n\(rows)</table>"
        let page = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>Doors</title></head>
            <body><h1>Doors</h1>
            \(content)
            </body></html>

            """
        return Response(status: 200, contentType: "text/html; charset=utf-8", text: page)
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
