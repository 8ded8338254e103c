/// A piece of a mapping template.
indirect enum VelocityNode {
    case text(String)
    /// `source` is printed when the reference leads nowhere, unless it is quiet.
    case reference(VelocityReference, source: String, isQuiet: Bool)
    case set(VelocityReference, VelocityExpression)
    case choice([(condition: VelocityExpression, body: [VelocityNode])], otherwise: [VelocityNode])
    case loop(String, VelocityExpression, [VelocityNode])
    case define(String, [VelocityNode])
    case stop
    case leave
}

/// `$name.property.method(…)[…]`.
struct VelocityReference {
    enum Step {
        case property(String)
        case method(String, [VelocityExpression])
        case index(VelocityExpression)
    }

    var name: String
    var steps: [Step]
}

/// What stands in the parentheses of a directive.
indirect enum VelocityExpression {
    enum Operator: String {
        case or = "||"
        case and = "&&"
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case plus = "+"
        case minus = "-"
        case times = "*"
        case over = "/"
        case modulo = "%"

        /// Stronger operators have higher numbers.
        var strength: Int {
            switch self {
            case .or: 1
            case .and: 2
            case .equal, .unequal: 3
            case .less, .lessOrEqual, .greater, .greaterOrEqual: 4
            case .plus, .minus: 5
            case .times, .over, .modulo: 6
            }
        }
    }

    case literal(VelocityValue)
    case interpolated([VelocityNode])
    case reference(VelocityReference)
    case list([VelocityExpression])
    case range(VelocityExpression, VelocityExpression)
    case map([(VelocityExpression, VelocityExpression)])
    case not(VelocityExpression)
    case binary(Operator, VelocityExpression, VelocityExpression)
}
