import Federation

/// Where a run is that a page is written of again and again, and how often a browser is to read it again.
package struct WatchedState {
    let reload: Int?
    private let path: String
    private let text: String

    /// - Parameters:
    ///   - status: of the run; a page of one that has finished is not read again.
    ///   - path: the run's folder.
    ///   - reload: seconds.
    package init(_ status: RunStatus, of path: String, reload: Int) {
        self.reload = status.state == .finished ? nil : reload
        self.path = path
        text = status.text
    }

    var markup: String { "<pre>\(Markup.escape(text))</pre>" }

    /// Writes a page of a run that has no checkpoint yet.
    package func write(to file: String) throws(FederationError) {
        let body = "<header><h1>Federated training</h1><p>\(Markup.escape(path))</p>\(markup)</header>"
        try DurableFile.write(Markup.page(title: path, body: body, reload: reload).utf8, to: file)
    }
}
