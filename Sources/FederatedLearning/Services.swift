import Tensors

/// What a step may ask of the run.
package struct Services {
    /// Leads to the method's module on the root rank; nil where the module is here.
    package let channel: (any RemoteChannel)?

    /// Services with a module elsewhere.
    package init(channel: (any RemoteChannel)?) { self.channel = channel }

    /// Everything is here.
    package static var here: Services { Services(channel: nil) }
}

/// Something that a module can be asked. Tensors that travel are of one shape, or are counted as several of it.
package struct RemoteOperation: Sendable {
    /// How many times the shape's numbers go there.
    package let sent: Int
    /// How many times the shape's numbers come back.
    package let received: Int
    /// Whether the module keeps nothing for later requests.
    package let endsUse: Bool
    /// Whether it is the last one of a training step.
    package let endsStep: Bool

    /// An operation.
    package init(sent: Int, received: Int, endsUse: Bool = false, endsStep: Bool = false) {
        self.sent = sent
        self.received = received
        self.endsUse = endsUse
        self.endsStep = endsStep
    }
}

/// The way to a center's module on another rank.
package protocol RemoteChannel {
    /// Asks for an operation and waits for the answer.
    /// - Parameters:
    ///   - operation: its number.
    ///   - shape: what the operation's counts are of.
    ///   - inputs: tensors, one after the other.
    /// - Returns: the answer's numbers, in a tensor of the shape with as many times the channels as come back.
    func request(_ operation: Int, _ shape: Shape, _ inputs: [Tensor]) throws -> Tensor
}

/// A center's module on the rank that computes with it.
package protocol RemoteModule: AnyObject {
    /// Answers a request.
    /// - Parameters:
    ///   - operation: its number.
    ///   - shape: what the operation's counts are of.
    ///   - input: the numbers that came.
    /// - Returns: tensors, one after the other.
    func answer(_ operation: Int, _ shape: Shape, _ input: UnsafePointer<Float>) -> [Tensor]
}
